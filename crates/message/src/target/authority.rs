//! Host and port (RFC 9110 §7.2, RFC 3986 §3.2).

use crate::grammar::letters_digits_and;

/// Whether `text` is `uri-host [":" port]` (RFC 9110 §7.2). Empty text is: it stands for a URI
/// without an authority.
#[must_use]
pub fn is_authority(text: &str) -> bool {
    let (host_is_valid, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(None) => return false,
        Some(Some((address, port))) => (is_ip_literal(address), port),
        None => {
            let colon = text.bytes().position(|byte| byte == b':');
            let (host, port) = text.split_at(colon.unwrap_or(text.len()));
            (is_registered_name(host), port)
        }
    };
    let port_is_valid = match port.strip_prefix(':') {
        Some(digits) => {
            digits.is_empty()
                || (digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok())
        }
        None => port.is_empty(),
    };
    host_is_valid && port_is_valid
}

/// Whether `address` may stand between brackets: `IPv6address / IPvFuture` (RFC 3986 §3.2.2). No
/// IPvFuture is in use, but its grammar leaves no doubt about where host and port end.
fn is_ip_literal(address: &str) -> bool {
    let Some(future) = address.strip_prefix(['v', 'V']) else {
        return address.parse::<core::net::Ipv6Addr>().is_ok();
    };
    future.split_once('.').is_some_and(|(version, address)| {
        !version.is_empty()
            && version.bytes().all(|byte| byte.is_ascii_hexdigit())
            && !address.is_empty()
            && address
                .bytes()
                .all(|byte| NAME[usize::from(byte)] || byte == b':')
    })
}

/// Which bytes may stand in a `reg-name`, besides `%` and two hexadecimal digits.
static NAME: [bool; 256] = letters_digits_and(b"-._~!$&'()*+,;=");

/// Whether `name` is a `reg-name` (RFC 3986 §3.2.2), as IPv4 addresses are.
fn is_registered_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        let valid = NAME[usize::from(byte)]
            || byte == b'%' && bytes.by_ref().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
        if !valid {
            return false;
        }
    }
    true
}
