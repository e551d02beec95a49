//! A file as it is sent: its content, and everything that its response says of it.

use super::stamp::Stamp;
use http::HeaderValue;
use std::fs::File;
use std::sync::Arc;
use tinyhttp_message::conditional::{EntityTag, Validators};
use tinyhttp_message::date::HttpDate;

/// Made once per state of a file; every response takes what it needs from here.
#[derive(Debug)]
pub(crate) struct Representation {
    pub(crate) file: Arc<File>,
    /// In bytes.
    pub(crate) length: u64,
    pub(crate) content_type: HeaderValue,
    pub(crate) etag: HeaderValue,
    /// May lie in the future; [`Representation::last_modified`] doesn't.
    modified: HttpDate,
    modified_field: HeaderValue,
}

impl Representation {
    pub(crate) fn new(file: File, stamp: &Stamp, content_type: HeaderValue) -> Self {
        Representation {
            file: Arc::new(file),
            length: stamp.length,
            content_type,
            etag: stamp.entity_tag(""),
            modified: stamp.modified(),
            modified_field: date_field(stamp.modified()),
        }
    }

    /// What its preconditions are compared with.
    pub(crate) fn validators(&self, now: HttpDate) -> Validators<'_> {
        let etag = EntityTag::parse(self.etag.as_bytes());
        Validators::new(etag, Some(self.modified), now)
    }

    /// The value of Last-Modified, which is never later than Date.
    pub(crate) fn last_modified(&self, now: HttpDate) -> HeaderValue {
        if self.modified <= now {
            self.modified_field.clone()
        } else {
            date_field(now)
        }
    }
}

fn date_field(date: HttpDate) -> HeaderValue {
    // Letters, digits, commas, colons and spaces are visible ASCII; a date that isn't one would be no condition at all.
    HeaderValue::from_bytes(&date.write()).unwrap_or(HeaderValue::from_static(""))
}
