//! The user of a request: the name in its Basic credentials (RFC 7617 §2), as it was sent.

use std::borrow::Cow;
use tinyhttp_message::RequestHead;

/// The name in the request's Authorization field, if that is Basic. The password is never part of
/// it.
#[cfg(feature = "auth")]
pub(crate) fn user(head: &RequestHead<'_>) -> Option<Cow<'static, [u8]>> {
    head.fields
        .get("authorization")
        .and_then(name)
        .map(Cow::Owned)
}

/// Without authentication there are no users.
#[cfg(not(feature = "auth"))]
pub(crate) fn user(_head: &RequestHead<'_>) -> Option<Cow<'static, [u8]>> {
    None
}

#[cfg(feature = "auth")]
fn name(field: &[u8]) -> Option<Vec<u8>> {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;

    let (scheme, encoded) = field.split_at_checked(b"Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let mut decoded = BASE64_STANDARD.decode(encoded.trim_ascii()).ok()?;
    decoded.truncate(decoded.iter().position(|byte| *byte == b':')?);
    Some(decoded)
}

#[cfg(all(test, feature = "auth"))]
mod tests {
    use super::name;

    #[test]
    fn only_basic_credentials_name_a_user() {
        let table: [(&[u8], Option<&[u8]>); 8] = [
            (b"Basic YW5uOnNlY3JldA==", Some(b"ann")),
            (b"BASIC  YW5uOnNlY3JldA==", Some(b"ann")),
            (b"Basic YTpiOmM=", Some(b"a")),
            (b"Basic OnNlY3JldA==", Some(b"")),
            (b"Basic YW5u", None),
            (b"Basic ???", None),
            (b"Bearer YW5uOnNlY3JldA==", None),
            (b"", None),
        ];
        for (field, want) in table {
            let shown = field.escape_ascii();
            assert_eq!(name(field).as_deref(), want, "{shown}");
        }
    }
}
