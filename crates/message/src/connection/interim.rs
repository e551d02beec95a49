//! Early hints: an interim response with fields that the final response will probably have (RFC
//! 8297).

use crate::encode::HeadWriter;
use crate::error::MisuseError;
use crate::hop_by_hop::{is_framing_field, is_hop_by_hop};
use http::header::HeaderName;
use http::{HeaderMap, StatusCode};

/// Whether the field of this name may be an early hint. A field that is about the connection or the
/// length of the content may not: an interim response has no content, and says nothing about the
/// final one's.
#[must_use]
pub fn is_hint(name: &HeaderName) -> bool {
    !is_framing_field(name) && !is_hop_by_hop(name)
}

/// Appends `103 Early Hints` with these fields to `out`. It may be sent to a client of HTTP/1.1
/// whose request has no final response yet, as often as there is something to hint at. HTTP/1.0 has
/// no interim responses (RFC 9110 §15.2).
///
/// ```
/// use http::HeaderMap;
/// use tinyhttp_message::connection::early_hints;
///
/// let mut fields = HeaderMap::new();
/// fields.insert("link", "</a.css>; rel=preload; as=style".parse()?);
/// let mut out = Vec::new();
/// early_hints(&mut out, &fields)?;
/// assert_eq!(out, b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload; as=style\r\n\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`MisuseError::InvalidFieldName`] for a field that [can't be a hint](is_hint), otherwise as
/// [`HeadWriter::field`]. Nothing is written then.
pub fn early_hints(out: &mut Vec<u8>, fields: &HeaderMap) -> Result<(), MisuseError> {
    if !fields.keys().all(is_hint) {
        return Err(MisuseError::InvalidFieldName);
    }
    let start = out.len();
    let mut head = HeadWriter::response(out, StatusCode::EARLY_HINTS);
    if let Err(error) = head.fields(fields) {
        out.truncate(start);
        return Err(error);
    }
    head.finish();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_connection_are_no_hints() {
        for name in [
            "content-length",
            "transfer-encoding",
            "connection",
            "upgrade",
            "keep-alive",
            "te",
            "trailer",
        ] {
            let mut fields = HeaderMap::new();
            fields.insert("link", "</a>".parse().unwrap());
            fields.insert(name, "x".parse().unwrap());
            let mut out = b"before".to_vec();
            let hinted = early_hints(&mut out, &fields);
            assert_eq!(hinted, Err(MisuseError::InvalidFieldName), "{name}");
            assert_eq!(out, b"before");
        }
    }

    #[test]
    fn an_interim_response_ends_with_an_empty_line() {
        let mut out = Vec::new();
        early_hints(&mut out, &HeaderMap::new()).unwrap();
        assert_eq!(out, b"HTTP/1.1 103 Early Hints\r\n\r\n");
    }
}
