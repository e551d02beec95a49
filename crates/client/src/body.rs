//! The content of a request: nothing, bytes, or something to read from.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tinyhttp_message::connection::RequestContent;

/// A boxed reader of content.
type Reader = Box<dyn Read + Send>;

/// What a request carries.
///
/// Where its length is known it goes out with Content-Length, else in chunks. Content that can be
/// read again lets the client repeat a request, after a redirect or when a kept connection turns
/// out to be closed.
///
/// ```
/// use tinyhttp_client::Body;
/// let text: Body = "hello".into();
/// let stream = Body::reader(std::io::stdin());
/// assert_eq!((text.length(), stream.length()), (Some(5), None));
/// ```
pub struct Body(Kind);

enum Kind {
    Empty,
    Bytes(Vec<u8>),
    /// Read once; `None` when that has happened.
    Once(Option<u64>, Option<Reader>),
    /// Opened anew for each sending.
    Again(Option<u64>, Box<dyn FnMut() -> io::Result<Reader> + Send>),
}

impl Body {
    /// No content.
    #[must_use]
    pub fn empty() -> Self {
        Body(Kind::Empty)
    }

    /// Content of unknown length, sent in chunks; needs HTTP/1.1.
    pub fn reader(reader: impl Read + Send + 'static) -> Self {
        Body(Kind::Once(None, Some(Box::new(reader))))
    }

    /// Content of `length` bytes, which the reader must give exactly; another number is an error.
    pub fn sized_reader(length: u64, reader: impl Read + Send + 'static) -> Self {
        Body(Kind::Once(Some(length), Some(Box::new(reader))))
    }

    /// Content that `open` makes when it is sent, once.
    pub(crate) fn once<R: Read + Send + 'static>(
        length: Option<u64>,
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
    ) -> Self {
        struct Lazy<F, R>(Option<F>, Option<R>);
        impl<R: Read, F: FnOnce() -> io::Result<R>> Read for Lazy<F, R> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if let Some(open) = self.0.take() {
                    self.1 = Some(open()?);
                }
                self.1.as_mut().map_or(Ok(0), |reader| reader.read(buffer))
            }
        }
        Body(Kind::Once(length, Some(Box::new(Lazy(Some(open), None)))))
    }

    /// Content that `open` makes anew each time it has to be sent.
    pub fn reopen<R: Read + Send + 'static>(
        length: Option<u64>,
        mut open: impl FnMut() -> io::Result<R> + Send + 'static,
    ) -> Self {
        let open = move || open().map(|reader| Box::new(reader) as Reader);
        Body(Kind::Again(length, Box::new(open)))
    }

    /// A file's content, streamed. A regular file has the length of this moment: what is appended
    /// later is not sent, and a file that has become shorter is an error. The length of anything
    /// else is unknown, as is that of a file which claims to be empty but can be read, as in
    /// `/proc`.
    ///
    /// # Errors
    /// If the file can't be opened, or is a directory. The error names the path.
    pub fn file(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let named = |path: &Path, error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        };
        let length = file_length(&path).map_err(|error| named(&path, error))?;
        if path.is_dir() {
            return Err(named(&path, io::ErrorKind::IsADirectory.into()));
        }
        Ok(Body::reopen(length, move || {
            let file = File::open(&path).map_err(|error| named(&path, error))?;
            Ok(Exactly::new(file, length))
        }))
    }

    /// Reports how many bytes have been read of the content, from 0 each time it is sent.
    #[must_use]
    pub fn watched(self, seen: impl Fn(u64) + Send + Sync + 'static) -> Self {
        let seen: Seen = Arc::new(seen);
        let watch = move |reader| -> Reader {
            seen(0);
            Box::new(Watched {
                reader,
                read: 0,
                seen: seen.clone(),
            })
        };
        Body(match self.0 {
            Kind::Empty => Kind::Empty,
            Kind::Bytes(bytes) => {
                let length = Some(bytes.len() as u64);
                let bytes: Arc<[u8]> = bytes.into();
                let open = move || Ok(watch(Box::new(io::Cursor::new(bytes.clone()))));
                Kind::Again(length, Box::new(open))
            }
            Kind::Once(length, reader) => Kind::Once(length, reader.map(watch)),
            Kind::Again(length, mut open) => {
                Kind::Again(length, Box::new(move || open().map(&watch)))
            }
        })
    }

    /// How many bytes there are, if that is known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match &self.0 {
            Kind::Empty => Some(0),
            Kind::Bytes(bytes) => Some(bytes.len() as u64),
            Kind::Once(length, _) | Kind::Again(length, _) => *length,
        }
    }

    /// A reader of the content, as it would be sent.
    ///
    /// ```
    /// use tinyhttp_client::Body;
    ///
    /// let body = Body::from("hello");
    /// assert_eq!(std::io::read_to_string(body.into_reader()?)?, "hello");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// If it is a file that can't be opened, or a reader that has been read.
    pub fn into_reader(mut self) -> io::Result<impl Read + Send> {
        let length = self.length();
        Ok(Exactly::new(self.open()?, length))
    }

    /// Appends bytes to bytes; returns what is something else.
    pub(crate) fn append(&mut self, other: Body) -> Result<(), Body> {
        match (&mut self.0, other.0) {
            (_, Kind::Empty) => Ok(()),
            (Kind::Bytes(bytes), Kind::Bytes(more)) => {
                bytes.extend_from_slice(&more);
                Ok(())
            }
            (_, other) => Err(Body(other)),
        }
    }

    pub(crate) fn announced(&self) -> RequestContent {
        match (&self.0, self.length()) {
            (Kind::Empty, _) => RequestContent::None,
            (_, Some(length)) => RequestContent::Known(length),
            (_, None) => RequestContent::Unknown,
        }
    }

    /// Whether it could be sent now, for the first time or again.
    pub(crate) fn can_be_sent(&self) -> bool {
        !matches!(self.0, Kind::Once(_, None))
    }

    /// Whether it can be sent any number of times.
    pub(crate) fn can_be_reopened(&self) -> bool {
        !matches!(self.0, Kind::Once(..))
    }

    /// Whether there is nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.0, Kind::Empty)
    }

    /// A reader over it. Content that can be read once gives it once.
    pub(crate) fn open(&mut self) -> io::Result<Source> {
        Ok(match &mut self.0 {
            Kind::Empty => Source::Ready(Vec::new(), 0),
            Kind::Bytes(bytes) => Source::Ready(bytes.clone(), 0),
            Kind::Once(_, reader) => Source::Reader(
                reader
                    .take()
                    .ok_or_else(|| io::Error::other("the content was read before"))?,
            ),
            Kind::Again(_, open) => Source::Reader(open()?),
        })
    }
}

/// The length of a file as it can be announced.
///
/// # Errors
/// If the file can't be opened.
pub fn file_length(path: &Path) -> io::Result<Option<u64>> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let is_that_long = metadata.len() > 0 || file.read(&mut [0])? == 0;
    Ok(is_that_long.then_some(metadata.len()))
}

/// Reads exactly as many bytes as were announced, if a length was: no more, and an error if there
/// are fewer.
pub struct Exactly<R> {
    reader: R,
    /// Bytes still to come, and all of them.
    left: Option<(u64, u64)>,
}

impl<R: Read> Exactly<R> {
    /// A reader of that many bytes.
    pub fn new(reader: R, length: Option<u64>) -> Self {
        Exactly {
            reader,
            left: length.map(|length| (length, length)),
        }
    }
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((left, all)) = &mut self.left else {
            return self.reader.read(buffer);
        };
        let most = usize::try_from(*left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = self.reader.read(&mut buffer[..most])?;
        if read == 0 && most > 0 {
            let what = format!("it has become shorter: {} of {all} bytes", *all - *left);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
        }
        *left -= read as u64;
        Ok(read)
    }
}

impl<R> fmt::Debug for Exactly<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exactly")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// Is called with the number of bytes read so far.
type Seen = Arc<dyn Fn(u64) + Send + Sync>;

struct Watched {
    reader: Reader,
    read: u64,
    seen: Seen,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.read += read as u64;
        (self.seen)(self.read);
        Ok(read)
    }
}

/// Content on its way out.
pub(crate) enum Source {
    /// In memory, from that position on: reading doesn't wait, so the head and the first piece can
    /// go out together.
    Ready(Vec<u8>, usize),
    Reader(Reader),
}

impl Source {
    /// The next piece of at most `limit` bytes; empty at the end. A reader's goes through
    /// `scratch`.
    pub(crate) fn piece<'p>(
        &'p mut self,
        limit: usize,
        scratch: &'p mut Vec<u8>,
    ) -> io::Result<&'p [u8]> {
        match self {
            Source::Ready(bytes, position) => {
                let start = *position;
                *position = bytes.len().min(start + limit);
                Ok(&bytes[start..*position])
            }
            Source::Reader(reader) => {
                scratch.resize(limit, 0);
                loop {
                    match reader.read(scratch) {
                        Ok(read) => return Ok(&scratch[..read]),
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Source::Ready(bytes, position) => {
                let read = (&bytes[*position..]).read(buffer)?;
                *position += read;
                Ok(read)
            }
            Source::Reader(reader) => reader.read(buffer),
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Body::empty()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Body(Kind::Bytes(bytes))
    }
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl From<File> for Body {
    /// The rest of an open file, streamed, from its position on; read once. Its length is announced
    /// if it is a regular file.
    fn from(mut file: File) -> Self {
        let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file);
        let position = file.stream_position();
        match (metadata, position) {
            // A file that claims to be empty may be one of `/proc`.
            (Some(metadata), Ok(position)) if metadata.len() >= position.max(1) => {
                let length = metadata.len() - position;
                Body::sized_reader(length, Exactly::new(file, Some(length)))
            }
            _ => Body::reader(file),
        }
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Body::empty()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("length", &self.length())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_files_name_the_path() {
        let folder = std::env::temp_dir();
        let missing = folder.join("tinyhttp-there-is-no-such-file");
        for path in [&folder, &missing] {
            let message = Body::file(path).unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("{}: ", path.display())),
                "{message}"
            );
        }
    }

    #[test]
    fn exactly_what_was_announced() {
        for (content, length, want) in [
            ("hello", Some(5), Some("hello")),
            ("hello and more", Some(5), Some("hello")),
            ("hell", Some(5), None),
            ("", Some(0), Some("")),
            ("more", Some(0), Some("")),
            ("any", None, Some("any")),
        ] {
            let mut text = String::new();
            let read = Exactly::new(content.as_bytes(), length).read_to_string(&mut text);
            assert_eq!(
                read.is_ok().then_some(text.as_str()),
                want,
                "{content:?} {length:?}"
            );
        }
    }
}
