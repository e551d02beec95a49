//! A file as it is sent, in one coding: its content, and everything that its response says of it.

use super::coding;
use super::compression::Compression;
use crate::body::FileVersion;
use crate::body::Memfd;
use crate::body::OpenFile;
use crate::body::Segment;
use crate::body::{Body, FileSlice};
use crate::files::archive::Archive;
use crate::handler::{Prepared, SERVER};
use bytes::Bytes;
use http::StatusCode;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE, ETAG,
    HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED, VARY, X_CONTENT_TYPE_OPTIONS,
};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use tinyhttp_message::conditional::{EntityTag, Validators};
use tinyhttp_message::date::HttpDate;
use tinyhttp_message::encode::FieldLines;
use tinyhttp_message::negotiate::Coding;
use tinyhttp_message::range::ByteRange;

/// Made once per state of a file; every response takes what it needs from here.
#[derive(Debug)]
pub(crate) struct Representation {
    content: Content,
    coding: Coding,
    metadata: Metadata,
    etag: HeaderValue,
    /// May lie in the future; Last-Modified doesn't.
    modified: HttpDate,
    last_modified: HeaderValue,
    /// All of the fields, ready to be written. Small content stands behind them in memory.
    lines: Option<FieldLines>,
}

/// Fetch Standard §3.7.
pub(crate) const RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// Up to this size, in bytes, content is put behind its field lines.
const SMALL: usize = 16 * 1024;

/// What all representations of one file have in common.
#[derive(Debug, Clone)]
pub(crate) struct Metadata {
    pub(crate) content_type: HeaderValue,
    /// Whether there is more than one: then caches must know that the request decides.
    pub(crate) varies: bool,
    /// Whether the file itself is gzip: then its type is that of the content in it.
    pub(crate) is_gzip: bool,
    pub(crate) cache_control: HeaderValue,
    /// Which other sites' pages may use it (Cross-Origin-Resource-Policy), if that is to be said.
    pub(crate) resource_policy: Option<HeaderValue>,
    /// How to save it, if it is to be saved and not shown.
    pub(crate) disposition: Option<HeaderValue>,
}

/// Where the bytes are.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Memory(Bytes),
    /// In memory, too, but as a file.
    Memfd(Arc<Memfd>),
    File(Arc<OpenFile>),
    /// A file whose length says nothing of its content, as in /proc and /sys: it is read to its end.
    Unmeasured(Arc<File>),
    /// A file that is compressed while it is sent.
    Compressed(Arc<Compression>),
    /// A folder, put together while it is sent.
    Archive(Arc<Archive>),
}

impl Representation {
    /// A representation in a coding; the version is of the file that it comes from.
    pub(crate) fn new(
        content: Content,
        coding: Coding,
        version: &FileVersion,
        metadata: Metadata,
    ) -> Self {
        let etag = version.entity_tag(coding::tag_suffix(coding));
        Representation::made(content, coding, etag, version.modified(), metadata)
    }

    /// A representation of something else, as it is.
    pub(crate) fn with_tag(
        content: Content,
        etag: HeaderValue,
        modified: HttpDate,
        metadata: Metadata,
    ) -> Self {
        Representation::made(content, Coding::Identity, etag, modified, metadata)
    }

    fn made(
        content: Content,
        coding: Coding,
        etag: HeaderValue,
        modified: HttpDate,
        metadata: Metadata,
    ) -> Self {
        let mut made = Representation {
            content,
            coding,
            metadata,
            etag,
            modified,
            last_modified: date_field(modified),
            lines: None,
        };
        let mut fields = HeaderMap::new();
        made.write_fields(modified, &mut fields);
        let small = match &made.content {
            Content::Memory(bytes) if bytes.len() <= SMALL => &bytes[..],
            _ => &[],
        };
        let lines = FieldLines::before(small, |head| {
            head.field("Server", SERVER.as_bytes())?;
            head.fields(&fields)
        });
        if let Ok((lines, behind)) = lines {
            if !behind.is_empty() {
                made.content = Content::Memory(behind);
            }
            made.lines = Some(lines);
        }
        made
    }

    /// The whole of it as a response that needs no more work; `None` for a file from the future, whose Last-Modified
    /// says each time something else.
    pub(crate) fn prepared(&self, now: HttpDate) -> Option<Prepared> {
        if self.modified > now {
            return None;
        }
        Some(Prepared {
            status: StatusCode::OK,
            lines: self.lines.clone()?,
            body: self.whole(),
        })
    }

    pub(crate) fn content(&self) -> &Content {
        &self.content
    }

    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// In bytes, if it is known before it is sent.
    pub(crate) fn length(&self) -> Option<u64> {
        match &self.content {
            Content::Memory(bytes) => Some(bytes.len() as u64),
            Content::Memfd(memfd) => Some(memfd.length()),
            Content::File(file) => Some(file.version().length),
            Content::Unmeasured(_) | Content::Compressed(_) => None,
            Content::Archive(archive) => Some(archive.length()),
        }
    }

    /// The length, if parts of it can be had: ranges count the bytes of the content as it is, and compressed content
    /// may not have been made yet.
    pub(crate) fn divisible_length(&self) -> Option<u64> {
        self.length().filter(|_| self.coding == Coding::Identity)
    }

    /// Whether it is put together while it is sent.
    pub(crate) fn is_archive(&self) -> bool {
        matches!(self.content, Content::Archive(_))
    }

    /// All of it.
    pub(crate) fn whole(&self) -> Body {
        match &self.content {
            Content::Memory(bytes) => bytes.clone().into(),
            Content::Memfd(memfd) => Body::file(Arc::clone(memfd.file()), 0, memfd.length()),
            Content::File(file) => FileSlice::of(file, 0, file.version().length).into(),
            Content::Unmeasured(file) => Body::reader(Unmeasured::new(file), None),
            Content::Compressed(compression) => compression.body(),
            Content::Archive(archive) => {
                let length = archive.length();
                Body::reader(archive.reader(0, length), Some(length))
            }
        }
    }

    /// A part of what is [divisible](Representation::divisible_length); of what isn't, nothing.
    pub(crate) fn part(&self, range: ByteRange) -> Segment {
        match &self.content {
            Content::Memory(bytes) => {
                // Whoever asks has resolved the range against the length, which is that of bytes in memory.
                let (first, end) = (range.first() as usize, range.last() as usize + 1);
                Segment::Bytes(bytes.slice(first..end))
            }
            Content::Memfd(memfd) => Segment::File(FileSlice {
                file: Arc::clone(memfd.file()),
                offset: range.first(),
                left: range.length(),
                version: None,
                open: None,
            }),
            Content::File(file) => {
                Segment::File(FileSlice::of(file, range.first(), range.length()))
            }
            Content::Unmeasured(_) | Content::Compressed(_) => Segment::Bytes(Bytes::new()),
            Content::Archive(archive) => {
                let reader = archive.reader(range.first(), range.length());
                Segment::Reader(Box::new(reader), range.length())
            }
        }
    }

    /// Whether its validators mean anything: what the kernel makes up changes without its file's dates.
    fn has_validators(&self) -> bool {
        !matches!(self.content, Content::Unmeasured(_))
    }

    /// What its preconditions are compared with.
    pub(crate) fn validators(&self, now: HttpDate) -> Validators<'_> {
        if !self.has_validators() {
            return Validators::new(None, None, now);
        }
        let etag = EntityTag::parse(self.etag.as_bytes());
        Validators::new(etag, Some(self.modified), now)
    }

    /// Says what a client's copy needs to stay fresh: the fields of a 304 (RFC 9110 §15.4.5).
    pub(crate) fn write_not_modified_fields(&self, fields: &mut HeaderMap) {
        if self.has_validators() {
            fields.insert(ETAG, self.etag.clone());
        }
        fields.insert(CACHE_CONTROL, self.metadata.cache_control.clone());
        if self.metadata.varies {
            fields.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
    }

    /// Says everything there is to say about it.
    pub(crate) fn write_fields(&self, now: HttpDate, fields: &mut HeaderMap) {
        fields.insert(CONTENT_TYPE, self.metadata.content_type.clone());
        fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // Never later than Date.
        let last_modified = if self.modified <= now {
            self.last_modified.clone()
        } else {
            date_field(now)
        };
        if self.has_validators() {
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

/// Reads a file from its beginning to its end, whatever its length is said to be.
struct Unmeasured {
    file: Arc<File>,
    at: u64,
}

impl Unmeasured {
    fn new(file: &Arc<File>) -> Self {
        Unmeasured {
            file: Arc::clone(file),
            at: 0,
        }
    }
}

impl io::Read for Unmeasured {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(into, self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

fn date_field(date: HttpDate) -> HeaderValue {
    // Letters, digits, commas, colons and spaces are visible ASCII; a date that isn't one would be no condition at all.
    HeaderValue::from_bytes(&date.write()).unwrap_or(HeaderValue::from_static(""))
}
