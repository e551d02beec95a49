//! What the targets share: hosts that are related to each other in known ways, and a look into a
//! jar.

use tinyhttp_client::Jar;
use tinyhttp_client::url::Url;

/// Hosts, and the site that each belongs to: hosts of different sites never share cookies. `co.uk`
/// and `github.io` are public suffixes, below which each name is a site.
pub const HOSTS: [(&str, &str); 14] = [
    ("example.com", "example.com"),
    ("a.example.com", "example.com"),
    ("b.a.example.com", "example.com"),
    ("bexample.com", "bexample.com"),
    ("example.org", "example.org"),
    ("co.uk", "co.uk"),
    ("shop.co.uk", "shop.co.uk"),
    ("www.shop.co.uk", "shop.co.uk"),
    ("bank.co.uk", "bank.co.uk"),
    ("ann.github.io", "ann.github.io"),
    ("bob.github.io", "bob.github.io"),
    ("192.0.2.1", "192.0.2.1"),
    ("[2001:db8::1]", "[2001:db8::1]"),
    ("localhost", "localhost"),
];

/// The only host that counts as this machine.
pub const LOOPBACK: &str = "localhost";

/// A URL of one of the hosts.
pub fn url(scheme: &str, host: &str, path: &str) -> Url {
    Url::parse(&format!("{scheme}://{host}{path}")).expect("a URL")
}

/// The value of `Cookie` for every host, over http and https, below a path.
///
/// # Panics
/// If it could not be sent as one field, or is longer than servers accept.
pub fn all_values(jar: &Jar, path: &str) -> Vec<(usize, bool, Vec<u8>)> {
    let mut values = Vec::new();
    for (index, (host, _)) in HOSTS.iter().enumerate() {
        for scheme in ["http", "https"] {
            let value = jar.for_url(&url(scheme, host, path)).unwrap_or_default();
            assert!(value.len() <= 8190, "{} bytes", value.len());
            assert!(!value.iter().any(u8::is_ascii_control), "{value:?}");
            values.push((index, scheme == "https", value));
        }
    }
    values
}
