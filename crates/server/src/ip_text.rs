//! IP addresses as text. Those of IPv4 don't pass `core::fmt`, which takes several times as many
//! instructions: every forwarded request and every line of the access log has one.

use std::fmt::{self, Write};
use std::net::IpAddr;

/// Passes the text of an address to `push`, part by part.
pub(crate) fn write_ip(address: IpAddr, mut push: impl FnMut(&str)) {
    match address {
        IpAddr::V4(address) => {
            for (place, octet) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    push(".");
                }
                push(itoa::Buffer::new().format(octet));
            }
        }
        // What takes the text does not fail.
        IpAddr::V6(address) => drop(write!(Parts(push), "{address}")),
    }
}

/// What is written goes to a function.
struct Parts<F>(F);

impl<F: FnMut(&str)> Write for Parts<F> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        (self.0)(part);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_as_they_display() {
        for text in [
            "0.0.0.0",
            "192.0.2.1",
            "255.100.10.9",
            "::",
            "2001:db8::1",
            "::ffff:192.0.2.1",
        ] {
            let mut written = String::new();
            write_ip(text.parse().unwrap(), |part| written.push_str(part));
            assert_eq!(written, text);
        }
    }
}
