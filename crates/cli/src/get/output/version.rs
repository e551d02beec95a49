//! The record beside a partial file: the version of the URL that it is a part of.
//!
//! ```text
//! https://host/big.iso              the URL, without passwords; a query as its SHA-256 sum
//! "v1"                                the validator, or an empty line
//! total 5000000000                    the length of the whole, if the server announced it
//! coding gzip                         the content coding, unless it is identity
//! missing 00…01000000-00…02000000   with --parallel-segments: a range to fetch
//! ```

use http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use tinyhttp_client::retry::{Validator, coding};
use tinyhttp_client::{BodyLength, ContentRange, HttpDate, Response};
use url::Url;

/// The longest record that is read, in bytes.
pub(in crate::get) const LONGEST: u64 = 64 * 1024;

/// One version of a representation, as far as resuming needs to know it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::get) struct Version {
    /// The URL, as `identity` writes it.
    pub(in crate::get) url: String,
    pub(in crate::get) validator: Option<Validator>,
    /// The length of the whole representation.
    pub(in crate::get) total: Option<u64>,
    /// The content coding, in lower case; empty for identity.
    pub(in crate::get) coding: String,
    /// The segments of a download that runs over several connections; none for one that grows at
    /// its end.
    pub(in crate::get) segments: Vec<Segment>,
}

/// The bytes from `next` up to `end`, exclusive, are still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::get) struct Segment {
    pub(in crate::get) next: u64,
    pub(in crate::get) end: u64,
}

impl Version {
    /// A version of which nothing but the URL is known.
    pub(in crate::get) fn unknown(url: &Url) -> Self {
        Version {
            url: identity(url),
            ..Version::default()
        }
    }

    /// The version that a response with the whole content carries.
    pub(in crate::get) fn of(url: &Url, response: &Response) -> Self {
        let is_whole = response.status() == http::StatusCode::OK;
        let is_plain = !response.is_decoded();
        Version {
            url: identity(url),
            // Decoded content consists of other bytes than those that ranges count.
            validator: Validator::of(response.fields()).filter(|_| is_whole && is_plain),
            total: match response.length() {
                BodyLength::Known(length) if is_plain => Some(length),
                _ => None,
            },
            coding: coding(response.fields()),
            segments: Vec::new(),
        }
    }

    /// Whether the fields of a partial response describe this version. A partial response must
    /// repeat an entity tag but may omit the date (RFC 9110 §15.3.7).
    pub(in crate::get) fn is_that_of(&self, fields: &HeaderMap) -> bool {
        let text = |name| fields.get(name).and_then(|value| value.to_str().ok());
        let is_same = match self.validator.as_ref().map(Validator::as_str) {
            None => true,
            Some(tag) if tag.starts_with('"') => text(header::ETAG) == Some(tag),
            Some(date) => {
                let parse = |text: &str| HttpDate::parse(text.as_bytes(), HttpDate::MAX);
                text(header::LAST_MODIFIED).is_none_or(|other| parse(other) == parse(date))
            }
        };
        let announced = match content_range(fields) {
            Some(ContentRange::Satisfied {
                complete_length, ..
            }) => complete_length,
            Some(ContentRange::Unsatisfied { complete_length }) => Some(complete_length),
            None => None,
        };
        let has_length = self.total.is_none() || announced.is_none() || self.total == announced;
        // A 416 has content of its own, in whatever coding.
        let is_refusal = matches!(
            content_range(fields),
            Some(ContentRange::Unsatisfied { .. })
        );
        is_same && has_length && (is_refusal || coding(fields) == self.coding)
    }

    /// Bytes that are there, of a file that has this length.
    pub(in crate::get) fn present(&self, length: u64) -> u64 {
        if self.segments.is_empty() {
            return length;
        }
        let missing = self.segments.iter().map(|part| part.end - part.next).sum();
        self.total.unwrap_or(length).saturating_sub(missing)
    }

    /// The record's text. For the same segments it has the same length, however far they are.
    pub(in crate::get) fn text(&self) -> String {
        let validator = self
            .validator
            .as_ref()
            .map_or("", |validator| validator.as_str());
        let mut text = format!("{}\n{validator}\n", self.url);
        if let Some(total) = self.total {
            text.push_str(&format!("total {total}\n"));
        }
        if !self.coding.is_empty() {
            text.push_str(&format!("coding {}\n", self.coding));
        }
        for Segment { next, end } in &self.segments {
            text.push_str(&format!("missing {next:020}-{end:020}\n"));
        }
        text
    }

    /// Reads a record; `None` for anything else.
    pub(in crate::get) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split_terminator('\n');
        let url = lines.next().filter(|url| url.contains("://"))?;
        let mut version = Version {
            url: url.to_owned(),
            validator: match lines.next()? {
                "" => None,
                validator => Some(Validator::from_text(validator)?),
            },
            ..Version::default()
        };
        for line in lines {
            match line.split_once(' ')? {
                ("total", number) => version.total = Some(number.parse().ok()?),
                ("coding", name) => name.clone_into(&mut version.coding),
                ("missing", range) => {
                    let (next, end) = range.split_once('-')?;
                    let (next, end) = (next.parse().ok()?, end.parse().ok()?);
                    version.segments.push(Segment { next, end });
                }
                _ => return None,
            }
        }
        let coding = version.coding.clone();
        version.validator = version
            .validator
            .map(|validator| validator.with_coding(coding));
        version.is_sound().then_some(version)
    }

    /// Whether the segments lie within the whole, in order.
    fn is_sound(&self) -> bool {
        let is_in_order = self
            .segments
            .windows(2)
            .all(|pair| pair[0].end <= pair[1].next);
        let is_inside = |part: &Segment| {
            part.next <= part.end && self.total.is_some_and(|total| part.end <= total)
        };
        is_in_order && self.segments.iter().all(is_inside)
    }
}

/// The URL as the record has it: no password, no fragment, and no query that could be read.
pub(in crate::get) fn identity(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    let mut text = format!("{}://{host}{port}{}", url.scheme(), url.path());
    if let Some(query) = url.query() {
        let sum: String = Sha256::digest(query.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        text.push_str(&format!("?sha256={sum}"));
    }
    text
}

/// The value of Content-Range.
pub(in crate::get) fn content_range(fields: &HeaderMap) -> Option<ContentRange> {
    ContentRange::parse(fields.get(header::CONTENT_RANGE)?.as_bytes())
}

/// How many bytes the content of a partial response has to have.
pub(in crate::get) fn range_length(fields: &HeaderMap) -> Option<u64> {
    match content_range(fields)? {
        ContentRange::Satisfied { range, .. } => Some(range.last() - range.first() + 1),
        ContentRange::Unsatisfied { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_they_were_written() {
        let version = Version {
            url: "http://h/f".into(),
            validator: Validator::from_text("\"v1\"").map(|tag| tag.with_coding("gzip")),
            total: Some(100),
            coding: "gzip".into(),
            segments: vec![
                Segment { next: 10, end: 50 },
                Segment { next: 50, end: 100 },
            ],
        };
        assert_eq!(Version::parse(&version.text()).as_ref(), Some(&version));
        assert_eq!(version.present(95), 10);
        let moved = Version {
            segments: vec![
                Segment { next: 50, end: 50 },
                Segment { next: 99, end: 100 },
            ],
            ..version.clone()
        };
        assert_eq!(moved.text().len(), version.text().len());
        let unknown = Version {
            url: "http://h/f".into(),
            ..Version::default()
        };
        assert_eq!(Version::parse(&unknown.text()), Some(unknown));
    }

    #[test]
    fn other_files_are_not_records() {
        for text in [
            "",
            "\n",
            "http://h/f",
            "hello\nworld\n",
            "http://h/f\n\"v1\"\nmore text\n",
            "http://h/f\n\"v1\"\ntotal x\n",
            "http://h/f\n\"v1\"\nmissing 0-5\n",
            "http://h/f\n\"v1\"\ntotal 9\nmissing 5-0\n",
            "http://h/f\n\"v1\"\ntotal 9\nmissing 0-10\n",
            "http://h/f\n\"v1\"\ntotal 9\nmissing 0-5\nmissing 4-9\n",
            "http://h/f\n\x01\n",
        ] {
            assert_eq!(Version::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn no_secret_of_a_url_is_recorded() {
        let url = Url::parse("https://me:secret@h:8443/a%20b?token=secret#secret").unwrap();
        let text = Version::unknown(&url).text();
        assert!(text.starts_with("https://h:8443/a%20b?sha256="), "{text}");
        assert!(!text.contains("secret") && !text.contains("me:"), "{text}");
        let other = Url::parse("https://me:secret@h:8443/a%20b?token=other").unwrap();
        assert_ne!(identity(&url), identity(&other));
    }

    #[test]
    fn versions_of_partial_responses() {
        // Validator, coding, the fields of the response => whether they are of this version.
        let table = r#"
            "v1" | - | etag: "v1" => yes
            "v1" | - | etag: "v2" => no
            "v1" | - | etag: W/"v1" => no
            "v1" | - => no
            Sun, 06 Nov 1994 08:49:37 GMT | - => yes
            Sun, 06 Nov 1994 08:49:37 GMT | - | last-modified: Sun, 06 Nov 1994 08:49:37 GMT => yes
            Sun, 06 Nov 1994 08:49:37 GMT | - | last-modified: Sun, 06 Nov 1994 08:49:38 GMT => no
            Sun, 06 Nov 1994 08:49:37 GMT | - | content-encoding: gzip => no
            Sun, 06 Nov 1994 08:49:37 GMT | gzip | content-encoding: GZIP => yes
            Sun, 06 Nov 1994 08:49:37 GMT | gzip => no
            Sun, 06 Nov 1994 08:49:37 GMT | - | content-encoding: identity => yes
            Sun, 06 Nov 1994 08:49:37 GMT | - | content-range: bytes 5-9/10 => yes
            Sun, 06 Nov 1994 08:49:37 GMT | - | content-range: bytes 5-9/* => yes
            Sun, 06 Nov 1994 08:49:37 GMT | - | content-range: bytes 5-9/11 => no
        "#;
        for (case, want) in table::cases(table) {
            let mut parts = table::parts(case);
            let (validator, coding) = (parts.next().unwrap(), parts.next().unwrap());
            let fields = parts.map(|field| field.split_once(": ").unwrap());
            let version = Version {
                validator: Validator::from_text(validator),
                total: Some(10),
                coding: coding.trim_start_matches('-').to_owned(),
                ..Version::default()
            };
            let fields = fields
                .map(|(name, value)| {
                    let name = http::HeaderName::from_static(name);
                    (name, value.parse().unwrap())
                })
                .collect();
            assert_eq!(version.is_that_of(&fields), want == "yes", "{case}");
        }
    }
}
