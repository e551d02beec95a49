//! What identifies a version of a representation, for `If-Range`.

use crate::coding;
use http::{HeaderMap, header};
use tinyhttp_message::date::HttpDate;

/// The minimum age of a Last-Modified when the response was made, in seconds, so that two versions
/// can't share it (RFC 9110 §8.8.2.2).
const SETTLED: i64 = 60;

/// What tells one version of a representation from every other: a strong entity tag, or a date of
/// last modification that is old enough. It is the value of `If-Range`.
///
/// A validator that was taken from a response also knows the content coding: ranges count the bytes
/// of one coding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validator {
    text: String,
    /// In lower case, separated by commas; empty for identity.
    coding: Option<String>,
}

impl Validator {
    /// The response's validator, if it has one that is strong enough.
    #[must_use]
    pub fn of(fields: &HeaderMap) -> Option<Self> {
        let text = |name| fields.get(name).and_then(|value| value.to_str().ok());
        if let Some(tag) = text(header::ETAG) {
            if tag.len() >= 2 && tag.starts_with('"') && tag.ends_with('"') {
                return Some(Validator::new(tag.to_owned(), fields));
            }
        }
        let far = HttpDate::MAX;
        let modified = HttpDate::parse(text(header::LAST_MODIFIED)?.as_bytes(), far)?;
        let date = HttpDate::parse(text(header::DATE)?.as_bytes(), far)?;
        let is_settled = date.unix_seconds() - modified.unix_seconds() >= SETTLED;
        is_settled.then(|| Validator::new(modified.to_string(), fields))
    }

    fn new(text: String, fields: &HeaderMap) -> Self {
        Validator {
            text,
            coding: Some(coding::list(fields)),
        }
    }

    /// A validator that was stored as text. It matches any content coding, unless
    /// [`Validator::with_coding`] names one.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let is_plain = !text.is_empty() && !text.contains(char::is_control);
        is_plain.then(|| Validator {
            text: text.to_owned(),
            coding: None,
        })
    }

    /// The same validator for content in that coding, as [`coding`](super::coding) returns it.
    #[must_use]
    pub fn with_coding(mut self, coding: impl Into<String>) -> Self {
        self.coding = Some(coding.into());
        self
    }

    /// Whether a 206 response is of this version. Its entity tag has to be there, if this is one
    /// (RFC 9110 §15.3.7); a date may be missing, since a server sends it to be on the safe side
    /// only.
    pub(super) fn names_version_of(&self, fields: &HeaderMap) -> bool {
        if self
            .coding
            .as_ref()
            .is_some_and(|own| *own != coding::list(fields))
        {
            return false;
        }
        let is_tag = self.text.starts_with('"');
        match fields.get(header::ETAG) {
            Some(tag) if is_tag => tag.as_bytes() == self.text.as_bytes(),
            None if is_tag => false,
            _ => fields.get(header::LAST_MODIFIED).is_none_or(|date| {
                HttpDate::parse(date.as_bytes(), HttpDate::MAX)
                    .is_some_and(|date| date.to_string() == self.text)
            }),
        }
    }

    /// The value of `If-Range`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::super::fields;
    use super::*;

    #[test]
    fn validators() {
        let table = r#"
            => none
            ETag: "v1" => "v1"
            ETag: W/"v1" => none
            ETag: v1 => none
            ETag: " => none
            Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT => none
            Last-Modified: yesterday | Date: Sun, 06 Nov 1994 08:50:37 GMT => none
            # A date is strong if the response is a minute younger (RFC 9110 §8.8.2.2).
            Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT | Date: Sun, 06 Nov 1994 08:50:37 GMT => Sun, 06 Nov 1994 08:49:37 GMT
            Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT | Date: Sun, 06 Nov 1994 08:50:36 GMT => none
            ETag: W/"v1" | Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT | Date: Sun, 06 Nov 1994 08:50:37 GMT => Sun, 06 Nov 1994 08:49:37 GMT
        "#;
        table::check(table, |lines| {
            let validator = Validator::of(&fields(lines));
            validator.map_or("none".to_owned(), |validator| validator.as_str().to_owned())
        });
    }
}
