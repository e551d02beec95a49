//! A file as it is sent, in one coding: its content, and everything that its response says of it.

use super::archive::Archive;
use super::coding;
use super::compression::Compression;
use super::pieces::Piece;
use super::snapshot::Snapshot;
use super::stamp::Stamp;
use crate::body::{Body, FileSlice};
use crate::handler::{Prepared, SERVER};
use crate::open_file::OpenFile;
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
    about: About,
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
pub(crate) struct About {
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
    Snapshot(Arc<Snapshot>),
    File(Arc<OpenFile>),
    /// A file whose length says nothing of its content, as in /proc and /sys: it is read to its end.
    Unmeasured(Arc<File>),
    /// A file that is compressed while it is sent.
    Compressed(Arc<Compression>),
    /// A folder, put together while it is sent.
    Archive(Arc<Archive>),
}

impl Representation {
    /// A representation in a coding; the stamp is of the file that it comes from.
    pub(crate) fn new(content: Content, coding: Coding, stamp: &Stamp, about: About) -> Self {
        let etag = stamp.entity_tag(coding::tag_suffix(coding));
        Representation::made(content, coding, etag, stamp.modified(), about)
    }

    /// A representation of something else, as it is.
    pub(crate) fn with_tag(
        content: Content,
        etag: HeaderValue,
        modified: HttpDate,
        about: About,
    ) -> Self {
        Representation::made(content, Coding::Identity, etag, modified, about)
    }

    fn made(
        content: Content,
        coding: Coding,
        etag: HeaderValue,
        modified: HttpDate,
        about: About,
    ) -> Self {
        let mut made = Representation {
            content,
            coding,
            about,
            etag,
            modified,
            last_modified: date_field(modified),
            lines: None,
        };
        let mut fields = HeaderMap::new();
        made.describe(modified, &mut fields);
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

    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    /// In bytes, if it is known before it is sent.
    pub(crate) fn length(&self) -> Option<u64> {
        match &self.content {
            Content::Memory(bytes) => Some(bytes.len() as u64),
            Content::Snapshot(snapshot) => Some(snapshot.length()),
            Content::File(file) => Some(file.stamp().length),
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
            Content::Snapshot(snapshot) => {
                Body::file(Arc::clone(snapshot.file()), 0, snapshot.length())
            }
            Content::File(file) => file.slice(0, file.stamp().length).into(),
            Content::Unmeasured(file) => Body::reader(Unmeasured::new(file), None),
            Content::Compressed(compression) => compression.body(),
            Content::Archive(archive) => {
                let length = archive.length();
                Body::reader(archive.reader(0, length), Some(length))
            }
        }
    }

    /// A part of what is [divisible](Representation::divisible_length); of what isn't, nothing.
    pub(crate) fn part(&self, range: ByteRange) -> Piece {
        match &self.content {
            Content::Memory(bytes) => {
                // Whoever asks has resolved the range against the length, which is that of bytes in memory.
                let (first, end) = (range.first() as usize, range.last() as usize + 1);
                Piece::Bytes(bytes.slice(first..end))
            }
            Content::Snapshot(snapshot) => Piece::File(FileSlice {
                file: Arc::clone(snapshot.file()),
                offset: range.first(),
                left: range.length(),
                stamp: None,
                open: None,
            }),
            Content::File(file) => Piece::File(file.slice(range.first(), range.length())),
            Content::Unmeasured(_) | Content::Compressed(_) => Piece::Bytes(Bytes::new()),
            Content::Archive(archive) => {
                let reader = archive.reader(range.first(), range.length());
                Piece::Reader(Box::new(reader), range.length())
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
    pub(crate) fn refresh(&self, fields: &mut HeaderMap) {
        if self.has_validators() {
            fields.insert(ETAG, self.etag.clone());
        }
        fields.insert(CACHE_CONTROL, self.about.cache_control.clone());
        if self.about.varies {
            fields.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
    }

    /// Says everything there is to say about it.
    pub(crate) fn describe(&self, now: HttpDate, fields: &mut HeaderMap) {
        fields.insert(CONTENT_TYPE, self.about.content_type.clone());
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
        let coding = match self.about.is_gzip {
            true => Coding::Gzip,
            false => self.coding,
        };
        if coding != Coding::Identity {
            let coding = HeaderValue::from_static(coding.as_str());
            fields.insert(CONTENT_ENCODING, coding);
        }
        if let Some(disposition) = &self.about.disposition {
            fields.insert(CONTENT_DISPOSITION, disposition.clone());
        }
        if let Some(policy) = &self.about.resource_policy {
            fields.insert(RESOURCE_POLICY, policy.clone());
        }
        fields.insert(ACCEPT_RANGES, HeaderValue::from_static(ranges));
        self.refresh(fields);
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
