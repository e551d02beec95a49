//! A file that is compressed while it is sent; the result is kept in the cache once it is complete.

use super::cache::Cache;
use super::coding;
use super::representation::{Metadata, Representation};
use super::source::Source;
use crate::body::{Body, FileSlice, OpenFile, Segment};
use crate::gate::GATE;
use crate::semaphore::Permit;
use bytes::Bytes;
use std::io::{self, Read};
use std::sync::Arc;
use tinyhttp_message::negotiate::Coding;
use tinyhttp_message::range::ByteRange;

/// A file to be compressed, anew for each response.
#[derive(Debug)]
pub(crate) struct Compression {
    pub(crate) file: Arc<OpenFile>,
    pub(crate) coding: Coding,
    /// Memory for the compressor, and for the copy that goes into the cache.
    pub(crate) _permit: Permit,
    /// Where to keep the result; `None` if the file is too large or too new to be kept.
    pub(crate) key: Option<CacheKey>,
}

/// A place in the cache for the result.
#[derive(Debug, Clone)]
pub(crate) struct CacheKey {
    pub(crate) cache: Arc<Cache>,
    pub(crate) path: Box<[u8]>,
    pub(crate) metadata: Metadata,
}

impl Compression {
    fn reader(&self) -> Box<dyn Read + Send> {
        let content = FileSlice::of(&self.file, 0, self.file.version().length);
        coding::compress(content, self.coding)
    }

    fn keep(&self, content: Vec<u8>) {
        if let Some(key) = &self.key {
            let version = self.file.version();
            let content = Box::new(Bytes::from(content));
            let made = Representation::new(content, self.coding, version, key.metadata.clone());
            let cached = Some(Arc::new(made));
            key.cache.insert(&key.path, self.coding, *version, cached);
        }
    }
}

impl Source for Arc<Compression> {
    /// Unknown until the last byte is compressed: the content is sent in chunks.
    fn length(&self) -> Option<u64> {
        None
    }

    fn whole(&self) -> Body {
        let tee = Tee {
            reader: None,
            copy: self.key.is_some().then(Vec::new),
            compression: Arc::clone(self),
        };
        Body::reader(tee, None)
    }

    fn part(&self, _: ByteRange) -> Segment {
        Segment::Bytes(Bytes::new())
    }
}

/// Reads compressed content and keeps a copy for the cache.
struct Tee {
    /// Created by the first read: the response to HEAD has none.
    reader: Option<Box<dyn Read + Send>>,
    copy: Option<Vec<u8>>,
    compression: Arc<Compression>,
}

impl Read for Tee {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        let compression = &self.compression;
        let reader = self.reader.get_or_insert_with(|| compression.reader());
        let length = {
            let _pass = GATE.pass();
            reader.read(into)?
        };
        match (&mut self.copy, &self.compression.key) {
            (Some(copy), Some(key)) if key.cache.admits((copy.len() + length) as u64) => {
                copy.extend_from_slice(&into[..length]);
            }
            (copy, _) => *copy = None,
        }
        if length == 0 {
            if let Some(copy) = self.copy.take() {
                self.compression.keep(copy);
            }
        }
        Ok(length)
    }
}
