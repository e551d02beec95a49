//! A file as it is sent, in one content coding: its source, and the header fields that describe it.

use super::coding;
use super::source::Source;
use crate::body::{Body, FileVersion, Segment};
use crate::response::{Response, SERVER};
use http::StatusCode;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE, ETAG,
    HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED, VARY, X_CONTENT_TYPE_OPTIONS,
};
use tinyhttp_message::conditional::{EntityTag, Validators};
use tinyhttp_message::date::HttpDate;
use tinyhttp_message::encode::FieldLines;
use tinyhttp_message::negotiate::Coding;
use tinyhttp_message::range::ByteRange;

/// One representation of one version of a file. It is made once; every response copies from it.
#[derive(Debug)]
pub(crate) struct Representation {
    source: Box<dyn Source>,
    coding: Coding,
    metadata: Metadata,
    etag: HeaderValue,
    /// May lie in the future, unlike the Last-Modified that is sent.
    modified: HttpDate,
    last_modified: HeaderValue,
    /// All of the fields, rendered. Small content stands behind them in the same memory.
    lines: Option<FieldLines>,
}

/// Fetch Standard §3.7.
pub(crate) const RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// The largest content that is put behind its field lines, in bytes.
const SMALL: usize = 16 * 1024;

/// What all representations of one file have in common.
#[derive(Debug, Clone)]
pub(crate) struct Metadata {
    pub(crate) content_type: HeaderValue,
    /// Whether there is more than one representation, so that Vary must name Accept-Encoding.
    pub(crate) varies: bool,
    /// Whether the file itself is gzip: then its type is that of the content in it.
    pub(crate) is_gzip: bool,
    pub(crate) cache_control: HeaderValue,
    /// The Cross-Origin-Resource-Policy, if one is configured.
    pub(crate) resource_policy: Option<HeaderValue>,
    /// The Content-Disposition of a file to be saved rather than shown.
    pub(crate) disposition: Option<HeaderValue>,
}

impl Representation {
    /// A representation in `coding`; `version` is that of the file it was made from.
    pub(crate) fn new(
        source: Box<dyn Source>,
        coding: Coding,
        version: &FileVersion,
        metadata: Metadata,
    ) -> Self {
        let etag = version.entity_tag(coding::tag_suffix(coding));
        Representation::made(source, coding, etag, version.modified(), metadata)
    }

    /// A representation of something that is not a file, without a coding.
    pub(crate) fn with_tag(
        source: Box<dyn Source>,
        etag: HeaderValue,
        modified: HttpDate,
        metadata: Metadata,
    ) -> Self {
        Representation::made(source, Coding::Identity, etag, modified, metadata)
    }

    fn made(
        source: Box<dyn Source>,
        coding: Coding,
        etag: HeaderValue,
        modified: HttpDate,
        metadata: Metadata,
    ) -> Self {
        let mut made = Representation {
            source,
            coding,
            metadata,
            etag,
            modified,
            last_modified: date_field(modified),
            lines: None,
        };
        let mut fields = HeaderMap::new();
        made.write_fields(modified, &mut fields);
        let small = made.source.bytes().filter(|bytes| bytes.len() <= SMALL);
        let small = small.map_or(&[][..], |bytes| &bytes[..]);
        let lines = FieldLines::before(small, |head| {
            head.field("Server", SERVER.as_bytes())?;
            head.fields(&fields)
        });
        if let Ok((lines, behind)) = lines {
            if !behind.is_empty() {
                made.source = Box::new(behind);
            }
            made.lines = Some(lines);
        }
        made
    }

    /// The response to a GET without conditions, rendered. `None` for a file from the future, whose
    /// Last-Modified is the time of the response.
    pub(crate) fn rendered(&self, now: HttpDate) -> Option<Response> {
        if self.modified > now {
            return None;
        }
        let lines = self.lines.clone()?;
        Some(Response::rendered(StatusCode::OK, lines, self.whole()))
    }

    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// What the content takes of the cache, in bytes.
    pub(crate) fn cost(&self) -> usize {
        self.source.cost()
    }

    /// Whether a part takes no more work than its length.
    pub(crate) fn seeks(&self) -> bool {
        self.source.seeks()
    }

    /// The length in bytes, if parts can be requested. Ranges count the bytes of the identity
    /// coding: compressed content may not exist yet.
    pub(crate) fn divisible_length(&self) -> Option<u64> {
        let is_identity = self.coding == Coding::Identity;
        self.source.length().filter(|_| is_identity)
    }

    /// All of the content.
    pub(crate) fn whole(&self) -> Body {
        self.source.whole()
    }

    /// A part of [divisible](Representation::divisible_length) content.
    pub(crate) fn part(&self, range: ByteRange) -> Segment {
        self.source.part(range)
    }

    /// The validators that preconditions are compared with.
    pub(crate) fn validators(&self, now: HttpDate) -> Validators<'_> {
        if !self.source.is_determined() {
            return Validators::new(None, None, now);
        }
        let etag = EntityTag::parse(self.etag.as_bytes());
        Validators::new(etag, Some(self.modified), now)
    }

    /// Writes the fields of a 304: what a client's copy needs to stay fresh (RFC 9110 §15.4.5).
    pub(crate) fn write_not_modified_fields(&self, fields: &mut HeaderMap) {
        if self.source.is_determined() {
            fields.insert(ETAG, self.etag.clone());
        }
        fields.insert(CACHE_CONTROL, self.metadata.cache_control.clone());
        if self.metadata.varies {
            fields.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
    }

    /// Writes all fields that describe the representation.
    pub(crate) fn write_fields(&self, now: HttpDate, fields: &mut HeaderMap) {
        fields.insert(CONTENT_TYPE, self.metadata.content_type.clone());
        fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // Never later than Date (RFC 9110 §8.8.2.1).
        let last_modified = if self.modified <= now {
            self.last_modified.clone()
        } else {
            date_field(now)
        };
        if self.source.is_determined() {
            fields.insert(LAST_MODIFIED, last_modified);
        }
        let ranges = if self.divisible_length().is_some() {
            "bytes"
        } else {
            "none"
        };
        let coding = match self.metadata.is_gzip {
            true => Coding::Gzip,
            false => self.coding,
        };
        if coding != Coding::Identity {
            let coding = HeaderValue::from_static(coding.as_str());
            fields.insert(CONTENT_ENCODING, coding);
        }
        if let Some(disposition) = &self.metadata.disposition {
            fields.insert(CONTENT_DISPOSITION, disposition.clone());
        }
        if let Some(policy) = &self.metadata.resource_policy {
            fields.insert(RESOURCE_POLICY, policy.clone());
        }
        fields.insert(ACCEPT_RANGES, HeaderValue::from_static(ranges));
        self.write_not_modified_fields(fields);
    }
}

fn date_field(date: HttpDate) -> HeaderValue {
    // Letters, digits, commas, colons and spaces are visible ASCII, so the conversion can't fail.
    HeaderValue::from_bytes(&date.write()).unwrap_or(HeaderValue::from_static(""))
}
