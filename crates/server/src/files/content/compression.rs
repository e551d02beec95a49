//! A file that is compressed while it is sent, and kept in the cache if it went well.

use super::cache::Cache;
use super::coding;
use super::representation::{Content, Metadata, Representation};
use crate::body::OpenFile;
use crate::body::{Body, FileSlice};
use crate::files::gate::GATE;
use crate::semaphore::Permit;
use std::io::{self, Read};
use std::sync::Arc;
use tinyhttp_message::negotiate::Coding;

/// What is needed for compressing a file, each time that its content is asked for.
#[derive(Debug)]
pub(crate) struct Compression {
    pub(crate) file: Arc<OpenFile>,
    pub(crate) coding: Coding,
    /// For the compressor, and the copy for the cache.
    pub(crate) _permit: Permit,
    /// Where to keep the result; `None` if the file is too large or too new to be kept.
    pub(crate) key: Option<CacheKey>,
}

/// A place in the cache.
#[derive(Debug, Clone)]
pub(crate) struct CacheKey {
    pub(crate) cache: Arc<Cache>,
    pub(crate) path: Box<[u8]>,
    pub(crate) metadata: Metadata,
}

impl Compression {
    /// The content, in chunks: nobody knows how long it will be.
    pub(crate) fn body(self: &Arc<Self>) -> Body {
        let tee = Tee {
            reader: None,
            copy: self.key.is_some().then(Vec::new),
            compression: Arc::clone(self),
        };
        Body::reader(tee, None)
    }

    fn reader(&self) -> Box<dyn Read + Send> {
        let content = FileSlice::of(&self.file, 0, self.file.version().length);
        coding::compress(content, self.coding)
    }

    fn keep(&self, content: Vec<u8>) {
        if let Some(key) = &self.key {
            let content = Content::Memory(content.into());
            let metadata = key.metadata.clone();
            let made = Representation::new(content, self.coding, self.file.version(), metadata);
            let kept = Some(Arc::new(made));
            key.cache
                .keep(&key.path, self.coding, *self.file.version(), kept);
        }
    }
}

/// Reads compressed content, and keeps a copy for the cache.
struct Tee {
    /// Made when somebody reads: who asks with HEAD doesn't.
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
        if length == 0
            && let Some(copy) = self.copy.take()
        {
            self.compression.keep(copy);
        }
        Ok(length)
    }
}
