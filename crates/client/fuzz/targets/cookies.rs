//! A jar: a cookie that one host sets never goes to a host of another site, a Secure one never over
//! http, and one without a domain only to the host that set it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyhttp_client::Jar;
use tinyhttp_client_fuzz::{HOSTS, LOOPBACK, all_values, url};

const PATHS: [&str; 4] = ["/", "/a", "/a/b", "/ab"];

/// What a `Set-Cookie` promised when it was stored.
struct Promise {
    host: usize,
    is_secure: bool,
    is_for_one_host: bool,
    may_be_stored: bool,
}

impl Promise {
    fn of(host: usize, is_https: bool, attributes: &[u8]) -> Self {
        let mut promise = Promise {
            host,
            is_secure: false,
            is_for_one_host: true,
            may_be_stored: true,
        };
        for attribute in attributes.split(|byte| *byte == b';').skip(1) {
            let mut halves = attribute.splitn(2, |byte| *byte == b'=');
            let name = halves.next().unwrap_or_default().trim_ascii();
            let value = halves.next().unwrap_or_default().trim_ascii();
            promise.is_secure |= name.eq_ignore_ascii_case(b"secure") && value.len() <= 1024;
            promise.is_for_one_host &= !name.eq_ignore_ascii_case(b"domain") || value.is_empty();
        }
        promise.may_be_stored = !promise.is_secure || is_https || HOSTS[host].0 == LOOPBACK;
        promise
    }

    fn assert_may_go(&self, to: usize, over_https: bool) {
        let ((from, site), (host, other)) = (HOSTS[self.host], HOSTS[to]);
        assert_eq!(site, other, "a cookie of {from} goes to {host}");
        assert!(self.may_be_stored, "a Secure cookie was set over http");
        let is_safe = over_https || host == LOOPBACK;
        assert!(!self.is_secure || is_safe, "a Secure cookie over http");
        assert!(!self.is_for_one_host || self.host == to, "{from} to {host}");
    }
}

fuzz_target!(|cookies: Vec<(u8, bool, u8, &[u8])>| {
    let jar = Jar::new();
    let mut promises = Vec::new();
    for (host, is_https, path, attributes) in cookies.into_iter().take(40) {
        let host = usize::from(host) % HOSTS.len();
        let scheme = if is_https { "https" } else { "http" };
        let path = PATHS[usize::from(path) % PATHS.len()];
        let text = [format!("c{}=", promises.len()).as_bytes(), attributes].concat();
        jar.store(&url(scheme, HOSTS[host].0, path), &text);
        promises.push(Promise::of(host, is_https, attributes));
    }
    for path in PATHS {
        for (host, is_https, value) in all_values(&jar, path) {
            for pair in value.split(|byte| *byte == b';') {
                // A cookie's own value has no semicolon, so that each piece is one pair.
                let name = pair.trim_ascii_start().split(|byte| *byte == b'=').next();
                let number = name.and_then(|name| name.strip_prefix(b"c"));
                let number = number
                    .and_then(|number| std::str::from_utf8(number).ok()?.parse::<usize>().ok());
                match number {
                    Some(number) => promises[number].assert_may_go(host, is_https),
                    None => assert!(value.is_empty(), "{value:?}"),
                }
            }
        }
    }
    // The file keeps which cookie goes to which host; only a path with a TAB has no place in it.
    let before = all_values(&jar, "/a/b");
    let text = jar.to_netscape();
    let restored = all_values(&Jar::from_netscape(&text), "/a/b");
    let after = all_values(&jar, "/a/b");
    for ((restored, before), after) in restored.iter().zip(&before).zip(&after) {
        let is_kept = restored == before || restored == after;
        let is_shorter = restored.2.len() < before.2.len();
        assert!(is_kept || is_shorter, "{restored:?} {before:?}");
    }
});
