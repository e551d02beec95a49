//! Domains that are open to registrations: `com`, `co.uk`, `github.io`. No cookie may be for all of
//! such a domain (RFC 6265 §5.3 step 5).

/// Whether a domain, in lower case, is a public suffix. A name without a dot always is.
pub(super) fn is_public(domain: &str) -> bool {
    let domain = domain.trim_end_matches('.').as_bytes();
    psl::suffix(domain).is_none_or(|suffix| suffix.as_bytes() == domain)
}

#[cfg(test)]
mod tests {
    use super::is_public;

    #[test]
    fn suffixes() {
        let table = [
            ("com", true),
            ("com.", true),
            ("", true),
            ("co.uk", true),
            ("github.io", true),
            ("me.github.io", false),
            ("example.com", false),
            ("example.co.uk", false),
            ("anything.ck", true),
            ("www.ck", false),
            ("localhost", true),
            ("test", true),
            ("h.test", false),
            ("xn--p1ai", true),
            ("xn--55qx5d.cn", true),
        ];
        for (domain, want) in table {
            assert_eq!(is_public(domain), want, "{domain}");
        }
    }
}
