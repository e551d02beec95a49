//! A file of cookies, as curl and wget write it: whatever is in it, what is sent fits into one
//! field, stays within a site, and is the same after the file has been written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyhttp_client::Jar;
use tinyhttp_client_fuzz::{HOSTS, all_values};

fuzz_target!(|text: &[u8]| {
    let jar = Jar::from_netscape(text);
    let values = all_values(&jar, "/a");
    let written = jar.to_netscape();
    let again = Jar::from_netscape(&written);
    assert_eq!(again.to_netscape(), written);
    if jar.to_netscape() == written {
        assert_eq!(all_values(&again, "/a"), values);
    }
    // A line for one domain gives nothing to a host that neither is that domain nor lies below it.
    let lower = text.to_ascii_lowercase();
    for (host, _, value) in values {
        let (host, _) = HOSTS[host];
        let bare = host.trim_matches(['[', ']']);
        let mut domains = bare
            .match_indices('.')
            .map(|(at, _)| &bare[at + 1..])
            .chain([bare]);
        let is_named = domains.any(|domain| contains(&lower, domain.as_bytes()));
        assert!(is_named || value.is_empty(), "{host} gets {value:?}");
    }
});

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
