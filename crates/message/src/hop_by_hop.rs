//! Fields that belong to one connection, not to the message (RFC 9110 §7.6.1).
//!
//! # Theory
//!
//! Most fields are *end-to-end*: they describe the message, and an intermediary forwards them. A
//! few are *hop-by-hop*: they describe the connection between two neighbours, and must not be
//! forwarded, cached, or set by code that does not manage the connection. A sender can declare more
//! of them by listing their names in Connection:
//!
//! ```text
//! client ── Connection: close, X-Trace ──▶ proxy ── (neither Connection nor X-Trace) ──▶ server
//! ```
//!
//! To forward one of them is a classic way to smuggle requests: two neighbours then disagree about
//! where a message ends (Transfer-Encoding) or which protocol the connection speaks (Upgrade).
//!
//! Content-Length is end-to-end, but it has to agree with what the connection sends, so the
//! connection writes it. Content-Length, Transfer-Encoding and Connection are the
//! [framing fields](is_framing_field).
//!
//! # Example
//!
//! ```
//! use http::HeaderMap;
//! use tinyhttp_message::hop_by_hop::remove_hop_by_hop;
//!
//! let mut fields = HeaderMap::new();
//! fields.insert("connection", "close, x-trace".parse()?);
//! fields.insert("x-trace", "7".parse()?);
//! fields.insert("te", "trailers".parse()?);
//! fields.insert("accept", "*/*".parse()?);
//! remove_hop_by_hop(&mut fields);
//! assert_eq!(fields.keys().collect::<Vec<_>>(), ["accept"]);
//! # Ok::<(), http::header::InvalidHeaderValue>(())
//! ```

use http::header::{self, HeaderMap, HeaderName};

/// The fields that are hop-by-hop without being listed in Connection: those of RFC 9110 §7.6.1, and
/// of RFC 2616 §13.5.1, which old implementations still send.
pub const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Whether the field of this name is hop-by-hop, whatever Connection lists.
#[must_use]
pub fn is_hop_by_hop(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(name)
}

/// Removes every hop-by-hop field, including those listed in Connection. An intermediary calls this
/// before it forwards a message.
pub fn remove_hop_by_hop(fields: &mut HeaderMap) {
    let listed: Vec<HeaderName> = fields
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect();
    for name in listed.iter().chain(&HOP_BY_HOP) {
        fields.remove(name);
    }
}

/// Whether the field of this name tells the length of the content or the fate of the connection.
/// The connection writes these fields itself, so that they match what it does.
#[must_use]
pub fn is_framing_field(name: &HeaderName) -> bool {
    [
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
    ]
    .contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_remain_for_the_next_hop() {
        // Fields, and the names that remain.
        let table = "
            accept: */* => accept
            connection: close | accept: */* => accept
            connection: x-a , X-B,, bad name | x-a: 1 | x-b: 2 | x-c: 3 => x-c
            connection: x-a | connection: x-b | x-a: 1 | x-b: 2 =>
            keep-alive: timeout=5 | proxy-connection: keep-alive | host: h => host
            te: trailers | trailer: digest | transfer-encoding: chunked | upgrade: h2c =>
            proxy-authorization: x | proxy-authenticate: y | authorization: z => authorization
            # A listed field goes even if it is end-to-end otherwise.
            connection: content-length | content-length: 5 =>
        ";
        table::check(table, |given| {
            let mut fields = HeaderMap::new();
            for (name, value) in table::fields(given) {
                let name: HeaderName = name.parse().unwrap();
                fields.append(name, value.parse().unwrap());
            }
            remove_hop_by_hop(&mut fields);
            let names: Vec<_> = fields.keys().map(HeaderName::as_str).collect();
            names.join(" ")
        });
    }
}
