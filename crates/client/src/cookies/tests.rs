//! Which cookies are kept, replaced, written and sent.

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// What a request to that URL carries, as text.
fn sent_to(jar: &Jar, to: &str) -> String {
    String::from_utf8(jar.for_url(&url(to)).unwrap_or_default()).unwrap()
}

/// Whether a request to the second URL carries `n=v`, after `set` was set from the first one.
fn sent(from: &str, set: &str, to: &str) -> &'static str {
    let jar = Jar::new();
    jar.store(&url(from), set);
    match sent_to(&jar, to).as_str() {
        "n=v" => "sent",
        "" => "not sent",
        other => panic!("{set} from {from} to {to}: {other}"),
    }
}

#[test]
fn requests_that_carry_a_cookie() {
    let from = "https://www.example.org/a/b";
    let table = r"
        https://www.example.org/a/c n=v => sent
        https://www.example.org/a n=v => sent
        https://www.example.org/ab n=v => not sent
        https://www.example.org/ n=v => not sent
        https://www.example.org/x n=v; Path=/ => sent
        https://www.example.org/a/b/c n=v; Path=/a/b => sent
        https://www.example.org/a/b n=v; Path=/a/b/ => not sent
        https://example.org/ n=v; Path=/ => not sent
        https://x.www.example.org/ n=v; Path=/ => not sent
        https://example.org/ n=v; Path=/; Domain=example.org => sent
        https://x.example.org/ n=v; Path=/; Domain=.Example.org => sent
        https://x.example.org/ n=v; Path=/; Domain=..example.org => not sent
        https://badexample.org/ n=v; Path=/; Domain=example.org => not sent
        https://www.example.org/ n=v; Path=/; Domain=example.org. => not sent
        https://www.example.org/ n=v; Path=/; Domain=org => not sent
        https://evil.test/ n=v; Path=/; Domain=evil.test => not sent
        https://x.www.example.org/ n=v; Path=/; Domain=x.www.example.org => not sent
        http://www.example.org/ n=v; Path=/ => sent
        http://www.example.org/ n=v; Path=/; Secure => not sent
        https://www.example.org/ n=v; Path=/; Secure => sent
        https://www.example.org/ n=v; Path=/; Max-Age=60 => sent
        https://www.example.org/ n=v; Path=/; Max-Age=0 => not sent
        https://www.example.org/ n=v; Path=/; Max-Age=-1 => not sent
        https://www.example.org/ n=v; Path=/; Max-Age=99999999999999999999 => sent
        https://www.example.org/ n=v; Path=/; Max-Age=-99999999999999999999 => not sent
        # What is no number is ignored.
        https://www.example.org/ n=v; Path=/; Max-Age=+0 => sent
        https://www.example.org/ n=v; Path=/; Max-Age=0x => sent
        https://www.example.org/ n=v; Path=/; Max-Age= => sent
        https://www.example.org/ n=v; Path=/; Expires=Thu, 01 Jan 1970 00:00:10 GMT => not sent
        https://www.example.org/ n=v; Path=/; Expires=Thu, 01-Jan-70 00:00:01 GMT => not sent
        https://www.example.org/ n=v; Path=/; Expires=Thu, 01-Jan-2099 00:00:10 GMT => sent
        https://www.example.org/ n=v; Max-Age=9; Path=/; Expires=Thu, 01 Jan 1970 00:00:10 GMT => sent
        https://www.example.org/ =v; Path=/ => not sent
        https://www.example.org/ n; Path=/ => not sent
        https://www.example.org/ n=v\x07; Path=/ => not sent
        https://www.example.org/ \tn\t=\tv\t;\tPath\t=\t/\t => sent
    ";
    table::check(table, |case| {
        let ([to], set) = table::words(case);
        sent(from, &table::unescaped(set), to)
    });
}

#[test]
fn the_last_of_repeated_attributes_counts() {
    let (from, to) = ("https://www.example.org/a/b", "https://www.example.org/a/c");
    let table = r"
        n=v; Path=/x; Path=/a => sent
        n=v; Path=/a; Path=/x => not sent
        n=v; Path=/x; Path= => sent
        n=v; Path=/x; Path=x => sent
        n=v; Domain=evil.test; Domain=example.org => sent
        n=v; Domain=example.org; Domain=evil.test => not sent
        n=v; Domain=evil.test; Domain= => not sent
        n=v; Domain= => sent
        n=v; Max-Age=0; Max-Age=9 => sent
        n=v; Max-Age=9; Max-Age=0 => not sent
        n=v; Max-Age=9; Max-Age=x => sent
        n=v; Expires=1 jan 1999 0:0:0; Expires=1 jan 2099 0:0:0 => sent
        n=v; Expires=1 jan 2099 0:0:0; Expires=1 jan 1999 0:0:0 => not sent
        n=v; Expires=1 jan 1999 0:0:0; Expires=never => not sent
    ";
    table::check(table, |set| sent(from, set, to));
}

#[test]
fn public_suffixes_set_cookies_for_themselves_alone() {
    let table = r"
        https://a.com/ https://a.com/ n=v; Domain=com => not sent
        https://a.com./ https://a.com./ n=v; Domain=com. => not sent
        https://a.com./ https://b.com./ n=v; Domain=com. => not sent
        https://a.co.uk/ https://a.co.uk/ n=v; Domain=co.uk => not sent
        https://a.co.uk/ https://b.a.co.uk/ n=v; Domain=a.co.uk => sent
        https://a.github.io/ https://b.github.io/ n=v; Domain=.github.io => not sent
        https://github.io/ https://github.io/ n=v; Domain=github.io => sent
        https://github.io/ https://a.github.io/ n=v; Domain=github.io => not sent
        http://localhost/ http://localhost/ n=v; Domain=localhost => sent
        http://127.0.0.1/ http://127.0.0.1/ n=v; Domain=127.0.0.1 => sent
        http://127.0.0.1/ http://127.0.0.1/ n=v; Domain=0.0.1 => not sent
        http://[::1]/ http://[::1]/ n=v; Domain=[::1] => sent
    ";
    table::check(table, |case| {
        let ([from, to], set) = table::words(case);
        sent(from, set, to)
    });
}

#[test]
fn secure_cookies_need_https_or_this_machine() {
    let table = "
        localhost => sent
        LOCALHOST:81 => sent
        a.localhost => sent
        localhost. => sent
        127.0.0.1 => sent
        127.9.9.9:8080 => sent
        [::1] => sent
        h.test => not sent
        128.0.0.1 => not sent
        localhost.test => not sent
        notlocalhost => not sent
        [::2] => not sent
    ";
    table::check(table, |host| {
        let (plain, secure) = (format!("http://{host}/"), format!("https://{host}/"));
        let outcome = sent(&plain, "n=v; Secure", &plain);
        assert_eq!(sent(&plain, "n=v; Secure", &secure), outcome, "{host}");
        assert_eq!(sent(&secure, "n=v; Secure", &secure), "sent", "{host}");
        outcome
    });
}

#[test]
fn prefixes_are_promises() {
    let table = r"
        __Secure-n=v; Secure => kept
        __Secure-n=v => refused
        __secure-n=v => refused
        __Secure-n=v; Secure; Domain=example.org => kept
        __Host-n=v; Secure; Path=/ => kept
        __HOST-n=v; Path=/ => refused
        __Host-n=v; Secure; Path=/a => refused
        __Host-n=v; Secure; Path=/; Domain=www.example.org => refused
        __Host=v => kept
    ";
    for (url, is_secure) in [
        ("https://www.example.org/", true),
        ("http://www.example.org/", false),
    ] {
        for (set, outcome) in table::cases(table) {
            let jar = Jar::new();
            jar.store(&self::url(url), set);
            let kept = outcome == "kept" && (is_secure || !set.contains("Secure"));
            assert_eq!(!sent_to(&jar, url).is_empty(), kept, "{set} from {url}");
        }
    }
    let file = "h\tFALSE\t/\tFALSE\t0\t__Secure-a\tv\nh\tFALSE\t/x\tTRUE\t0\t__Host-b\tv\n";
    assert_eq!(Jar::from_netscape(file).to_netscape(), netscape::HEAD);
}

#[test]
fn plain_http_leaves_secure_cookies_alone() {
    let secure = "n=old; Secure; Path=/a; Domain=example.org";
    let table = r"
        http://www.example.org/a/ n=new => refused
        http://www.example.org/a/ n=new; Path=/a/b => refused
        http://www.example.org/a/ n=new; Path=/ => kept
        http://example.org/a/ n=new; Domain=example.org => refused
        http://example.org/a/ n=; Max-Age=0; Domain=example.org => refused
        http://example.org/a/ m=new => kept
        http://other.org/a/ n=new => kept
        https://www.example.org/a/ n=new => kept
    ";
    table::check(table, |case| {
        let ([from], set) = table::words(case);
        let jar = Jar::new();
        jar.store(&url("https://www.example.org/a/"), secure);
        jar.store(&url(from), set);
        let all = String::from_utf8(jar.to_netscape()).unwrap();
        assert!(all.contains("\tn\told"), "{case}: {all}");
        if all.contains("new") {
            "kept"
        } else {
            "refused"
        }
    });
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
    let table = r"
        0 => 0
         => 0
        -1 => 0
        4102444800 => 4102444800
        4102444800.742 => 4102444801
        4.1024448e9 => 4102444800
        99999999999999999999 => 9223372036854775807
        1486337059.742 => expired
        soon => expired
    ";
    table::check(table, |column| {
        let jar = Jar::from_netscape(format!("h\tFALSE\t/\tFALSE\t{column}\tn\tv\n"));
        let written = String::from_utf8(jar.to_netscape()).unwrap();
        let seconds = written
            .lines()
            .nth(1)
            .and_then(|line| line.split('\t').nth(4));
        seconds.unwrap_or("expired").to_owned()
    });
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
