//! Which cookies are kept, replaced, written and sent.

use super::*;
use std::fmt::Write;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// What a request to that URL carries, as text.
fn sent_to(jar: &Jar, to: &str) -> String {
    String::from_utf8(jar.for_url(&url(to)).unwrap_or_default()).unwrap()
}

/// Sets `set` from the first URL, and checks whether a request to the second carries `n=v`.
#[track_caller]
fn check(from: &str, set: &str, to: &str, sent: bool) {
    let jar = Jar::new();
    jar.store(&url(from), set);
    let want = if sent { "n=v" } else { "" };
    assert_eq!(sent_to(&jar, to), want, "{set} from {from} to {to}");
}

#[test]
fn requests_that_carry_a_cookie() {
    let from = "https://www.example.org/a/b";
    let table = [
        ("n=v", "https://www.example.org/a/c", true),
        ("n=v", "https://www.example.org/a", true),
        ("n=v", "https://www.example.org/ab", false),
        ("n=v", "https://www.example.org/", false),
        ("n=v; Path=/", "https://www.example.org/x", true),
        ("n=v; Path=/a/b", "https://www.example.org/a/b/c", true),
        ("n=v; Path=/a/b/", "https://www.example.org/a/b", false),
        ("n=v; Path=/", "https://example.org/", false),
        ("n=v; Path=/", "https://x.www.example.org/", false),
        (
            "n=v; Path=/; Domain=example.org",
            "https://example.org/",
            true,
        ),
        (
            "n=v; Path=/; Domain=.Example.org",
            "https://x.example.org/",
            true,
        ),
        (
            "n=v; Path=/; Domain=..example.org",
            "https://x.example.org/",
            false,
        ),
        (
            "n=v; Path=/; Domain=example.org",
            "https://badexample.org/",
            false,
        ),
        (
            "n=v; Path=/; Domain=example.org.",
            "https://www.example.org/",
            false,
        ),
        ("n=v; Path=/; Domain=org", "https://www.example.org/", false),
        ("n=v; Path=/; Domain=evil.test", "https://evil.test/", false),
        (
            "n=v; Path=/; Domain=x.www.example.org",
            "https://x.www.example.org/",
            false,
        ),
        ("n=v; Path=/", "http://www.example.org/", true),
        ("n=v; Path=/; Secure", "http://www.example.org/", false),
        ("n=v; Path=/; Secure", "https://www.example.org/", true),
        ("n=v; Path=/; Max-Age=60", "https://www.example.org/", true),
        ("n=v; Path=/; Max-Age=0", "https://www.example.org/", false),
        ("n=v; Path=/; Max-Age=-1", "https://www.example.org/", false),
        (
            "n=v; Path=/; Max-Age=99999999999999999999",
            "https://www.example.org/",
            true,
        ),
        (
            "n=v; Path=/; Max-Age=-99999999999999999999",
            "https://www.example.org/",
            false,
        ),
        // What is no number is ignored.
        ("n=v; Path=/; Max-Age=+0", "https://www.example.org/", true),
        ("n=v; Path=/; Max-Age=0x", "https://www.example.org/", true),
        ("n=v; Path=/; Max-Age=", "https://www.example.org/", true),
        (
            "n=v; Path=/; Expires=Thu, 01 Jan 1970 00:00:10 GMT",
            "https://www.example.org/",
            false,
        ),
        (
            "n=v; Path=/; Expires=Thu, 01-Jan-70 00:00:01 GMT",
            "https://www.example.org/",
            false,
        ),
        (
            "n=v; Path=/; Expires=Thu, 01-Jan-2099 00:00:10 GMT",
            "https://www.example.org/",
            true,
        ),
        (
            "n=v; Max-Age=9; Path=/; Expires=Thu, 01 Jan 1970 00:00:10 GMT",
            "https://www.example.org/",
            true,
        ),
        ("=v; Path=/", "https://www.example.org/", false),
        ("n; Path=/", "https://www.example.org/", false),
        ("n=v\x07; Path=/", "https://www.example.org/", false),
        (
            "\tn\t=\tv\t;\tPath\t=\t/\t",
            "https://www.example.org/",
            true,
        ),
    ];
    for (set, to, sent) in table {
        check(from, set, to, sent);
    }
}

#[test]
fn the_last_of_repeated_attributes_counts() {
    let (from, to) = ("https://www.example.org/a/b", "https://www.example.org/a/c");
    let table = [
        ("n=v; Path=/x; Path=/a", true),
        ("n=v; Path=/a; Path=/x", false),
        ("n=v; Path=/x; Path=", true),
        ("n=v; Path=/x; Path=x", true),
        ("n=v; Domain=evil.test; Domain=example.org", true),
        ("n=v; Domain=example.org; Domain=evil.test", false),
        ("n=v; Domain=evil.test; Domain=", false),
        ("n=v; Domain=", true),
        ("n=v; Max-Age=0; Max-Age=9", true),
        ("n=v; Max-Age=9; Max-Age=0", false),
        ("n=v; Max-Age=9; Max-Age=x", true),
        (
            "n=v; Expires=1 jan 1999 0:0:0; Expires=1 jan 2099 0:0:0",
            true,
        ),
        (
            "n=v; Expires=1 jan 2099 0:0:0; Expires=1 jan 1999 0:0:0",
            false,
        ),
        ("n=v; Expires=1 jan 1999 0:0:0; Expires=never", false),
    ];
    for (set, sent) in table {
        check(from, set, to, sent);
    }
}

#[test]
fn public_suffixes_set_cookies_for_themselves_alone() {
    let table = [
        ("https://a.com/", "n=v; Domain=com", "https://a.com/", false),
        (
            "https://a.com./",
            "n=v; Domain=com.",
            "https://a.com./",
            false,
        ),
        (
            "https://a.com./",
            "n=v; Domain=com.",
            "https://b.com./",
            false,
        ),
        (
            "https://a.co.uk/",
            "n=v; Domain=co.uk",
            "https://a.co.uk/",
            false,
        ),
        (
            "https://a.co.uk/",
            "n=v; Domain=a.co.uk",
            "https://b.a.co.uk/",
            true,
        ),
        (
            "https://a.github.io/",
            "n=v; Domain=.github.io",
            "https://b.github.io/",
            false,
        ),
        (
            "https://github.io/",
            "n=v; Domain=github.io",
            "https://github.io/",
            true,
        ),
        (
            "https://github.io/",
            "n=v; Domain=github.io",
            "https://a.github.io/",
            false,
        ),
        (
            "http://localhost/",
            "n=v; Domain=localhost",
            "http://localhost/",
            true,
        ),
        (
            "http://127.0.0.1/",
            "n=v; Domain=127.0.0.1",
            "http://127.0.0.1/",
            true,
        ),
        (
            "http://127.0.0.1/",
            "n=v; Domain=0.0.1",
            "http://127.0.0.1/",
            false,
        ),
        ("http://[::1]/", "n=v; Domain=[::1]", "http://[::1]/", true),
    ];
    for (from, set, to, sent) in table {
        check(from, set, to, sent);
    }
}

#[test]
fn secure_cookies_need_https_or_this_machine() {
    for host in [
        "localhost",
        "LOCALHOST:81",
        "a.localhost",
        "localhost.",
        "127.0.0.1",
        "127.9.9.9:8080",
        "[::1]",
    ] {
        let here = format!("http://{host}/");
        check(&here, "n=v; Secure", &here, true);
    }
    for host in [
        "h.test",
        "128.0.0.1",
        "localhost.test",
        "notlocalhost",
        "[::2]",
    ] {
        let here = format!("http://{host}/");
        check(&here, "n=v; Secure", &here, false);
        let secure = format!("https://{host}/");
        check(&here, "n=v; Secure", &secure, false);
        check(&secure, "n=v; Secure", &secure, true);
    }
}

#[test]
fn prefixes_are_promises() {
    let table = [
        ("__Secure-n=v; Secure", true),
        ("__Secure-n=v", false),
        ("__secure-n=v", false),
        ("__Secure-n=v; Secure; Domain=example.org", true),
        ("__Host-n=v; Secure; Path=/", true),
        ("__HOST-n=v; Path=/", false),
        ("__Host-n=v; Secure; Path=/a", false),
        ("__Host-n=v; Secure; Path=/; Domain=www.example.org", false),
        ("__Host=v", true),
    ];
    for (set, kept) in table {
        let jar = Jar::new();
        jar.store(&url("https://www.example.org/"), set);
        assert_eq!(
            !sent_to(&jar, "https://www.example.org/").is_empty(),
            kept,
            "{set}"
        );
        let jar = Jar::new();
        jar.store(&url("http://www.example.org/"), set);
        let kept = kept && !set.contains("Secure");
        assert_eq!(
            !sent_to(&jar, "http://www.example.org/").is_empty(),
            kept,
            "{set}"
        );
    }
    let file = "h\tFALSE\t/\tFALSE\t0\t__Secure-a\tv\nh\tFALSE\t/x\tTRUE\t0\t__Host-b\tv\n";
    assert_eq!(Jar::from_netscape(file).to_netscape(), netscape::HEAD);
}

#[test]
fn plain_http_leaves_secure_cookies_alone() {
    let secure = "n=old; Secure; Path=/a; Domain=example.org";
    let table = [
        ("http://www.example.org/a/", "n=new", false),
        ("http://www.example.org/a/", "n=new; Path=/a/b", false),
        ("http://www.example.org/a/", "n=new; Path=/", true),
        ("http://example.org/a/", "n=new; Domain=example.org", false),
        (
            "http://example.org/a/",
            "n=; Max-Age=0; Domain=example.org",
            false,
        ),
        ("http://example.org/a/", "m=new", true),
        ("http://other.org/a/", "n=new", true),
        ("https://www.example.org/a/", "n=new", true),
    ];
    for (from, set, kept) in table {
        let jar = Jar::new();
        jar.store(&url("https://www.example.org/a/"), secure);
        jar.store(&url(from), set);
        let all = String::from_utf8(jar.to_netscape()).unwrap();
        assert!(all.contains("\tn\told"), "{set} from {from}: {all}");
        assert_eq!(all.contains("new"), kept, "{set} from {from}: {all}");
    }
}

#[test]
fn a_cookie_is_replaced_in_its_place_and_longer_paths_come_first() {
    let jar = Jar::new();
    let here = url("http://h.test/a/b");
    for set in [
        "one=1; Path=/",
        "two=2; Path=/a",
        "three=3; Path=/",
        "one=4; Path=/",
    ] {
        jar.store(&here, set);
    }
    assert_eq!(sent_to(&jar, "http://h.test/a/b"), "two=2; one=4; three=3");
    jar.store(&here, "one=5; Path=/; Domain=h.test");
    jar.store(&here, "three=; Path=/; Max-Age=-1");
    assert_eq!(sent_to(&jar, "http://h.test/a/b"), "two=2; one=4; one=5");
}

#[test]
fn bounds() {
    let jar = Jar::new();
    let here = url("https://h.test/");
    jar.store(&here, "first=1; Secure");
    for number in 0..60 {
        jar.store(&here, format!("n{number}=v"));
    }
    jar.store(&url("https://other.test/"), "n=v");
    let sent = sent_to(&jar, "https://h.test/");
    assert_eq!(sent.split("; ").count(), PER_DOMAIN);
    assert!(
        sent.starts_with("first=1; n11=v"),
        "the oldest give way: {sent}"
    );
    assert_eq!(sent_to(&jar, "https://other.test/"), "n=v");

    let jar = Jar::new();
    for number in 10..30 {
        jar.store(&here, format!("n{number}={}", "v".repeat(1000)));
    }
    let sent = sent_to(&jar, "https://h.test/");
    assert!((7000..=8190).contains(&sent.len()), "{}", sent.len());
    assert!(sent.starts_with("n10=") && sent.ends_with('v'));

    let jar = Jar::new();
    jar.store(&here, format!("n={}", "v".repeat(4096)));
    assert_eq!(sent_to(&jar, "https://h.test/"), "", "too long");
    jar.store(
        &here,
        format!("n={}; Path=/{}", "v".repeat(4095), "x".repeat(1024)),
    );
    assert_eq!(sent_to(&jar, "https://h.test/").len(), 4097);
}

#[test]
fn the_file() {
    let text = "# Netscape HTTP Cookie File\n\n\
        h\tFALSE\t/\tFALSE\t0\tsession\tv\n\
        .example.org\tTRUE\t/a\tTRUE\t4102444800\tlasting\tx y\r\n\
        #HttpOnly_h\tFALSE\t/\tFALSE\t4102444800\tquiet\t\n\
        # h\tFALSE\t/\tFALSE\t0\tcomment\tv\n\
        h\tFALSE\t/\tFALSE\t1\texpired\tv\n\
        h\tFALSE\t/\tFALSE\t0\ttab\ta\tb\n\
        not a cookie\n";
    let jar = Jar::from_netscape(text);
    let written = String::from_utf8(jar.to_netscape()).unwrap();
    let lines: Vec<_> = written.lines().collect();
    assert_eq!(
        lines,
        [
            "# Netscape HTTP Cookie File",
            "h\tFALSE\t/\tFALSE\t0\tsession\tv",
            ".example.org\tTRUE\t/a\tTRUE\t4102444800\tlasting\tx y",
            "#HttpOnly_h\tFALSE\t/\tFALSE\t4102444800\tquiet\t",
        ]
    );
    assert_eq!(sent_to(&jar, "http://h/"), "session=v; quiet=");
    jar.end_session();
    assert_eq!(sent_to(&jar, "http://h/"), "quiet=");
    assert_eq!(sent_to(&jar, "https://www.example.org/a/"), "lasting=x y");
}

#[test]
fn expiry_in_a_file() {
    let table = [
        ("0", Some(0)),
        ("", Some(0)),
        ("-1", Some(0)),
        ("4102444800", Some(4_102_444_800)),
        ("4102444800.742", Some(4_102_444_801)),
        ("4.1024448e9", Some(4_102_444_800)),
        ("99999999999999999999", Some(i64::MAX)),
        ("1486337059.742", None),
        ("soon", None),
    ];
    for (column, want) in table {
        let jar = Jar::from_netscape(format!("h\tFALSE\t/\tFALSE\t{column}\tn\tv\n"));
        let written = String::from_utf8(jar.to_netscape()).unwrap();
        let mut line = String::new();
        if let Some(seconds) = want {
            writeln!(line, "h\tFALSE\t/\tFALSE\t{seconds}\tn\tv").unwrap();
        }
        assert_eq!(written.split_once('\n').unwrap().1, line, "{column}");
    }
}

#[test]
fn a_jar_is_never_corrupted() {
    let here = url("https://h.test/");
    for set in [
        "a\tb=c",
        "a=b\tc",
        "a=b; Path=/x\ty",
        "a=b\nc=d",
        "a=b; Path=/\nh.test\tFALSE\t/\tFALSE\t0\tevil\tv",
    ] {
        let jar = Jar::new();
        jar.store(&here, set);
        jar.store(&here, "good=1");
        let written = jar.to_netscape();
        let want = b"h.test\tFALSE\t/\tFALSE\t0\tgood\t1\n";
        assert_eq!(written, [netscape::HEAD, want].concat(), "{set:?}");
    }
}

#[test]
fn bytes_stay_bytes() {
    let jar = Jar::new();
    let here = url("https://h.test/");
    jar.store(&here, b"n\xe9=v\xff; Path=/\xe9; Path=/");
    assert_eq!(jar.for_url(&here).unwrap(), b"n\xe9=v\xff");
    let again = Jar::from_netscape(jar.to_netscape());
    assert_eq!(again.for_url(&here).unwrap(), b"n\xe9=v\xff");
    let mixed = b"bad\xff line\n\xff\tFALSE\t/\tFALSE\t0\ta\tb\nh.test\tFALSE\t/\tFALSE\t0\tn\tv\n";
    assert_eq!(Jar::from_netscape(mixed).for_url(&here).unwrap(), b"n=v");
}
