//! Basic credentials (RFC 7617 §2): the name and the password in an Authorization field.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// A name and a password, as they were sent. The name contains no colon.
pub(crate) struct Basic {
    pub(crate) name: Vec<u8>,
    pub(crate) password: Vec<u8>,
}

impl Basic {
    /// Parses an Authorization field. `None`: its scheme is not Basic, or it is malformed.
    pub(crate) fn parse(field: &[u8]) -> Option<Self> {
        let (scheme, encoded) = field.split_at_checked(b"Basic ".len())?;
        if !scheme.eq_ignore_ascii_case(b"Basic ") {
            return None;
        }
        let mut name = BASE64_STANDARD.decode(encoded.trim_ascii()).ok()?;
        let colon = name.iter().position(|byte| *byte == b':')?;
        let password = name.split_off(colon + 1);
        name.truncate(colon);
        Some(Basic { name, password })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_password() {
        let table: [(&str, Option<(&str, &str)>); 8] = [
            ("Basic YW5uOnNlY3JldA==", Some(("ann", "secret"))),
            ("BASIC  YW5uOnNlY3JldA==", Some(("ann", "secret"))),
            ("Basic YTpiOmM=", Some(("a", "b:c"))),
            ("Basic OnNlY3JldA==", Some(("", "secret"))),
            ("Basic YW5u", None),
            ("Basic ???", None),
            ("Bearer YW5uOnNlY3JldA==", None),
            ("", None),
        ];
        for (field, expected) in table {
            let parsed = Basic::parse(field.as_bytes());
            let parsed =
                parsed.map(|it| [it.name, it.password].map(|text| text.escape_ascii().to_string()));
            let expected = expected.map(|(name, password)| [name.to_owned(), password.to_owned()]);
            assert_eq!(parsed, expected, "{field}");
        }
    }
}
