//! Host and port (RFC 9110 §7.2, RFC 3986 §3.2).

use crate::grammar::{decimal, letters_digits_and};

/// Whether `text` is `uri-host [":" port]` (RFC 9110 §7.2). Empty text is: it stands for a URI
/// without an authority.
#[must_use]
pub fn is_authority(text: &str) -> bool {
    are_authority(text.as_bytes())
}

/// Whether these bytes are an authority, all of which are ASCII.
pub(crate) fn are_authority(bytes: &[u8]) -> bool {
    match bytes.strip_prefix(b"[") {
        Some(rest) => {
            let end = rest.iter().position(|byte| *byte == b']');
            end.is_some_and(|end| is_ip_literal(&rest[..end]) && is_port(&rest[end + 1..]))
        }
        None => is_port(&bytes[name_length(bytes)..]),
    }
}

/// Whether what follows a host is nothing, or a colon, behind which a port may be missing.
fn is_port(rest: &[u8]) -> bool {
    match rest {
        [] | [b':'] => true,
        [b':', digits @ ..] => decimal(digits).is_some_and(|port| port <= u16::MAX.into()),
        _ => false,
    }
}

/// Whether `address` may stand between brackets: `IPv6address / IPvFuture` (RFC 3986 §3.2.2). No
/// IPvFuture is in use, but its grammar leaves no doubt about where host and port end.
fn is_ip_literal(address: &[u8]) -> bool {
    let [b'v' | b'V', future @ ..] = address else {
        let text = std::str::from_utf8(address);
        return text.is_ok_and(|text| text.parse::<core::net::Ipv6Addr>().is_ok());
    };
    let Some(dot) = future.iter().position(|byte| *byte == b'.') else {
        return false;
    };
    let (version, address) = (&future[..dot], &future[dot + 1..]);
    let may_stand = |byte: &u8| NAME[usize::from(*byte)] || *byte == b':';
    !version.is_empty()
        && version.iter().all(u8::is_ascii_hexdigit)
        && !address.is_empty()
        && address.iter().all(may_stand)
}

/// Which bytes may stand in a `reg-name`, besides `%` and two hexadecimal digits.
static NAME: [bool; 256] = letters_digits_and(b"-._~!$&'()*+,;=");

/// The length of the `reg-name` at the start (RFC 3986 §3.2.2). IPv4 addresses are such names, too.
fn name_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match bytes[at..] {
            [byte, ..] if NAME[usize::from(byte)] => at += 1,
            [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => at += 3,
            _ => return at,
        }
    }
}
