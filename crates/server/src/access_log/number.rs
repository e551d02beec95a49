//! Numbers and addresses in a line. Through `core::fmt` they took a fifth of the instructions of a
//! small response.

use crate::endpoint::Endpoint;
use crate::ip_text::write_ip;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

/// Appends a number in decimal.
pub(super) fn number(number: impl itoa::Integer, line: &mut String) {
    line.push_str(itoa::Buffer::new().format(number));
}

/// Appends tenths of a unit: `12.3` for 123.
pub(super) fn tenths(tenths: u64, line: &mut String) {
    number(tenths / 10, line);
    line.push('.');
    number(tenths % 10, line);
}

/// Appends a time in seconds, with microseconds: `1.000002`.
pub(super) fn seconds(time: Duration, line: &mut String) {
    number(time.as_secs(), line);
    line.push('.');
    zeros(time.subsec_micros(), 100_000, line);
}

/// Appends milliseconds within a second in three digits.
pub(super) fn milliseconds(milliseconds: u32, line: &mut String) {
    zeros(milliseconds, 100, line);
}

/// Appends a number with zeros in front of it: as many digits as `first`, the place value of the
/// first one, has.
fn zeros(value: u32, mut first: u32, line: &mut String) {
    while first > 1 && value < first {
        line.push('0');
        first /= 10;
    }
    number(value, line);
}

/// Appends the host of an endpoint.
pub(super) fn host(end: &Endpoint, line: &mut String) {
    match end.ip() {
        Some(address) => write_ip(address, |part| line.push_str(part)),
        None => line.push_str("unix"),
    }
}

/// Appends an endpoint with its port.
pub(super) fn endpoint(end: &Endpoint, line: &mut String) {
    if let Some(SocketAddr::V4(address)) = end.internet() {
        host(end, line);
        line.push(':');
        number(address.port(), line);
    } else {
        // Writing to a String doesn't fail.
        let _ = write!(line, "{end}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(make: impl FnOnce(&mut String)) -> String {
        let mut line = String::new();
        make(&mut line);
        line
    }

    #[test]
    fn numbers_have_their_digits() {
        let micros = Duration::from_micros;
        for time in [0, 1, 99, 100_000, 999_999, 1_000_000, 12_345_678] {
            let expected = format!("{}.{:06}", time / 1_000_000, time % 1_000_000);
            assert_eq!(made(|line| seconds(micros(time), line)), expected);
        }
        for value in [0, 7, 10, 99, 100, 999] {
            assert_eq!(
                made(|line| milliseconds(value, line)),
                format!("{value:03}")
            );
        }
        for (value, expected) in [(0, "0.0"), (9, "0.9"), (123, "12.3")] {
            assert_eq!(made(|line| tenths(value, line)), expected);
        }
    }

    #[test]
    fn endpoints_are_as_they_display() {
        for address in [
            "192.0.2.1:0",
            "0.0.0.0:65535",
            "[2001:db8::1]:80",
            "[::ffff:192.0.2.1]:7",
        ] {
            let end = Endpoint::from(address.parse::<SocketAddr>().unwrap());
            assert_eq!(made(|line| endpoint(&end, line)), end.to_string());
            assert_eq!(made(|line| host(&end, line)), end.host().to_string());
        }
        assert_eq!(made(|line| endpoint(&Endpoint::Unix, line)), "unix");
        assert_eq!(made(|line| host(&Endpoint::Unix, line)), "unix");
    }
}
