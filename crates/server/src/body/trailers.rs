//! Trailer fields: fields behind the content, which are known only when it is complete (RFC 9110
//! §6.5).

use crate::lock::Lock;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;
use std::sync::Arc;
use tinyhttp_message::may_be_trailer;

/// The trailer fields of some content. Clones share them, so that what produces or receives the
/// content fills them in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trailers(Arc<Lock<HeaderMap>>);

/// A field that can't be a trailer field: its name or value is invalid, or it is one that is needed
/// before the content (RFC 9110 §6.5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvalidTrailer;

impl fmt::Display for InvalidTrailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field can't be a trailer field: it is invalid, or needed before the content")
    }
}

impl std::error::Error for InvalidTrailer {}

impl Trailers {
    /// Sets all fields.
    pub(crate) fn set(&self, fields: HeaderMap) {
        *self.0.lock() = fields;
    }

    /// The fields that are known.
    pub(crate) fn get(&self) -> HeaderMap {
        self.0.lock().clone()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// Adds a field that [`trailer`] has made.
    pub(crate) fn add(&self, name: HeaderName, value: HeaderValue) {
        self.0.lock().append(name, value);
    }
}

/// A field that may be a trailer field.
pub(crate) fn trailer<N, V>(name: N, value: V) -> Result<(HeaderName, HeaderValue), InvalidTrailer>
where
    N: TryInto<HeaderName>,
    V: TryInto<HeaderValue>,
{
    let name = name.try_into().map_err(|_| InvalidTrailer)?;
    let value = value.try_into().map_err(|_| InvalidTrailer)?;
    match may_be_trailer(&name) {
        true => Ok((name, value)),
        false => Err(InvalidTrailer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_fields_are_no_trailers() {
        let table = [
            ("server-timing", "db;dur=3", true),
            ("etag", "\"a\"", true),
            ("Content-Length", "3", false),
            ("transfer-encoding", "chunked", false),
            ("trailer", "x", false),
            ("set-cookie", "a=b", false),
            ("content-type", "text/plain", false),
            ("authorization", "x", false),
            ("x y", "z", false),
            ("x", "a\r\nb: c", false),
        ];
        for (name, value, is_valid) in table {
            assert_eq!(trailer(name, value).is_ok(), is_valid, "{name}");
        }
    }
}
