//! Globs that are well-formed and globs that are not.

use super::*;

fn all(text: &str) -> Vec<String> {
    let glob = Glob::parse(text.as_bytes()).unwrap();
    let urls = (0..glob.count()).map(|number| glob.expand(number).text);
    urls.map(|url| String::from_utf8(url).unwrap()).collect()
}

#[test]
fn expansions() {
    let table: &[(&str, &[&str])] = &[
        ("h", &["h"]),
        ("", &[""]),
        ("h[1-3]x", &["h1x", "h2x", "h3x"]),
        ("[8-11]", &["8", "9", "10", "11"]),
        ("[08-11]", &["08", "09", "10", "11"]),
        ("[001-3]", &["001", "002", "003"]),
        ("[0-1]", &["0", "1"]),
        ("[1-10:4]", &["1", "5", "9"]),
        ("[01-10:9]", &["01", "10"]),
        ("[5-5]", &["5"]),
        ("[1- 2]", &["1", "2"]),
        ("[a-c]", &["a", "b", "c"]),
        ("[X-Z]", &["X", "Y", "Z"]),
        ("[a-g:3]", &["a", "d", "g"]),
        ("[b-b]", &["b"]),
        ("{a,bc}", &["a", "bc"]),
        ("{a}", &["a"]),
        ("{a,}", &["a", ""]),
        ("{,a}", &["", "a"]),
        ("{,}", &["", ""]),
        (r"{a\,b,\{\}\\}", &["a,b", r"{}\"]),
        ("[1-2]{a,b}", &["1a", "1b", "2a", "2b"]),
        ("{x,y}/[a-b]", &["x/a", "x/b", "y/a", "y/b"]),
        ("{<n>a,b}[<m>1-1]", &["a1", "b1"]),
        ("{<a,b}", &["<a", "b"]),
        (r"{a\\,b}", &[r"a\", "b"]),
        (r"\[1-3\]\{a,b\}", &["[1-3]{a,b}"]),
        (r"a\b\\[1-1\]", &[r"a\b\[1-1]"]),
        (
            "http://[::1]:80/[1-2]",
            &["http://[::1]:80/1", "http://[::1]:80/2"],
        ),
        ("[fe80::1%25lo]/a", &["[fe80::1%25lo]/a"]),
        ("[::ffff:1.2.3.4]", &["[::ffff:1.2.3.4]"]),
        ("?a[]=1", &["?a[]=1"]),
        ("é[1-1]", &["é1"]),
    ];
    for (text, want) in table {
        assert_eq!(all(text), *want, "{text}");
    }
}

#[test]
fn malformed_globs_and_where() {
    let table = [
        ("h/[", 4),
        ("h/[1", 5),
        ("h/[1-", 6),
        ("h/[1-3", 7),
        ("h/[1-3:", 8),
        ("h/[1-3:0]", 4),
        ("h/[1-3:3]", 4),
        ("h/[3-1]", 4),
        ("h/[1-1:2]", 4),
        ("h/[a-1]", 4),
        ("h/[A-z]", 4),
        ("h/[z-a]", 4),
        ("h/[a-z:26]", 4),
        ("h/[a", 4),
        ("h/[a-", 4),
        ("h/[ab]", 4),
        ("h/[1-a]", 6),
        ("h/[é-z]", 4),
        ("h/[-1-3]", 4),
        ("h/[1-9223372036854775808]", 6),
        ("h/{", 3),
        ("h/{a", 3),
        ("h/{}", 4),
        ("h/{a{b}}", 5),
        ("h/{a[1-2]}", 5),
        ("h/{a]}", 5),
        ("h/a}", 4),
        ("h/a]", 4),
        ("é/a]", 4),
        ("{<n>a}{<n>b}", 7),
        ("[0-9999999][0-1]", 12),
        ("[0-9223372036854775807]", 1),
    ];
    for (text, position) in table {
        let failure = Glob::parse(text.as_bytes()).unwrap_err();
        assert_eq!(failure.code(), 3, "{text}");
        let want = format!(" in position {position} of ");
        assert!(failure.what().contains(&want), "{text}: {}", failure.what());
    }
    assert!(Glob::parse("[1-2]".repeat(101).as_bytes()).is_err());
    assert!(Glob::parse("{a}".repeat(100).as_bytes()).is_ok());
    assert!(Glob::parse("{a}".repeat(101).as_bytes()).is_err());
}

#[test]
fn references_to_globs() {
    let glob = Glob::parse(b"{a,b}/[<n>01-10]").unwrap();
    let values = glob.expand(11).values;
    let table = [
        ("f", "f"),
        ("#1_#2", "b_02"),
        ("#1#2#3", "b02#3"),
        ("#0#", "#0#"),
        ("#01", "b"),
        ("##1", "#b"),
        ("#<n>#<>#<n", "02#<>#<n"),
        ("#99999999999999999999", "#99999999999999999999"),
    ];
    for (text, want) in table {
        let filled = String::from_utf8(values.fill(text.as_bytes()).unwrap()).unwrap();
        assert_eq!(filled, want, "{text}");
    }
    assert_eq!(values.fill(b"#<m>").unwrap_err().code(), 43);
    assert_eq!(Values::default().fill(b"#<m>#1").unwrap(), b"#<m>#1");
}
