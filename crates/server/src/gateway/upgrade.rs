//! Which protocols a client and an upstream server may switch to (RFC 9110 §7.8).
//!
//! Behind a 101 nothing is checked any more. So the server is offered no protocol that carries
//! requests of HTTP, which would pass every rule, and may choose only one that was offered.

use super::request::{connection_options, list, members};

const UPGRADE: &str = "upgrade";

/// The protocols that carry requests of HTTP: HTTP/2 in cleartext, HTTP itself, and TLS (RFC 2817).
const CARRIERS: [&[u8]; 3] = [b"h2c", b"http", b"tls"];

/// Returns the protocols that the fields of a request offer and that may be forwarded, as the value
/// of Upgrade; `None` if there are none, or Connection does not name Upgrade.
pub(crate) fn offered<'f, F>(fields: impl Fn() -> F) -> Option<Box<[u8]>>
where
    F: Iterator<Item = (&'f str, &'f [u8])>,
{
    let mut options = connection_options(fields());
    if !options.any(|option| option.eq_ignore_ascii_case(UPGRADE.as_bytes())) {
        return None;
    }
    let offered: Vec<_> = list(fields(), UPGRADE)
        .filter(|it| {
            !CARRIERS
                .iter()
                .any(|other| name(it).eq_ignore_ascii_case(other))
        })
        .collect();
    (!offered.is_empty()).then(|| offered.join(&b", "[..]).into())
}

/// Whether the fields of a 101 choose among the offered protocols.
pub(crate) fn is_offered<'f>(
    offered: &[u8],
    fields: impl Iterator<Item = (&'f str, &'f [u8])>,
) -> bool {
    let mut chosen = list(fields, UPGRADE).peekable();
    let is_known =
        |it: &[u8]| members(offered).any(|other| name(it).eq_ignore_ascii_case(name(other)));
    chosen.peek().is_some() && chosen.all(is_known)
}

/// The name of a protocol without its version.
fn name(protocol: &[u8]) -> &[u8] {
    let name = protocol.split(|byte| *byte == b'/').next();
    name.unwrap_or_default().trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields in a text, separated by bars.
    fn fields(text: &str) -> impl Iterator<Item = (&str, &[u8])> {
        let lines = text.split('|').filter_map(|line| line.split_once(':'));
        lines.map(|(name, value)| (name.trim(), value.trim().as_bytes()))
    }

    #[test]
    fn protocols_that_carry_requests_are_not_offered() {
        let table = r"
            Connection: upgrade | Upgrade: websocket => websocket
            connection: Keep-Alive, UPGRADE | upgrade: WebSocket => WebSocket
            Connection: upgrade | Upgrade: a/1 , b => a/1, b
            Connection: upgrade | Upgrade: a | Upgrade: b => a, b
            Upgrade: websocket => -
            Connection: upgraded | Upgrade: websocket => -
            Connection: upgrade => -
            Connection: upgrade | Upgrade: => -
            Connection: upgrade | Upgrade: , , => -
            Connection: upgrade | Upgrade: h2c => -
            Connection: upgrade | Upgrade: H2C, HTTP/2.0, TLS/1.2 => -
            Connection: upgrade | Upgrade: websocket, h2c => websocket
            Connection: upgrade | Upgrade: websocket | Upgrade: h2c => websocket
            Connection: upgrade | Upgrade: h2c-x => h2c-x
        ";
        for (given, expected) in table::cases(table) {
            let got = offered(|| fields(given));
            let got = got.as_deref().map_or("-".into(), String::from_utf8_lossy);
            assert_eq!(got, expected, "{given}");
        }
    }

    #[test]
    fn only_what_was_offered_is_switched_to() {
        let table = r"
            Upgrade: websocket => true
            Upgrade: WebSocket/13 => true
            Upgrade: b, a/2 => false
            Upgrade: a => true
            A: b => false
            Upgrade: => false
            Upgrade: b => false
            Upgrade: a, b => false
            Upgrade: a | Upgrade: b => false
            Upgrade: h2c => false
            Upgrade: web => false
        ";
        for (given, expected) in table::cases(table) {
            let got = is_offered(b"websocket, a/1", fields(given));
            assert_eq!(got.to_string(), expected, "{given}");
        }
    }
}
