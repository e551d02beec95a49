//! Forms with files: `multipart/form-data` (RFC 7578), in the syntax of RFC 2046 §5.1.
//!
//! # Theory
//!
//! The content is a list of parts between lines that consist of two hyphens and a *boundary*, which
//! Content-Type names. Each part has a head of its own:
//!
//! ```text
//! --xyz                                                            delimiter
//! Content-Disposition: form-data; name="photo"; filename="a.jpg"   head of a part
//! Content-Type: image/jpeg
//!                                                                  empty line
//! …bytes…
//! --xyz--                                                          end
//! ```
//!
//! The line break before a delimiter belongs to the delimiter. A part has no length: its end is
//! found by looking for the delimiter, also where it is cut between two pieces of input.
//!
//! The parser keeps nothing but its state. The caller offers the received bytes that have not been
//! used, as with [`ServerConnection`](crate::ServerConnection), and bounds how many it keeps:
//! [`NeedMore`](Event::NeedMore) never leaves more than the largest head or a delimiter unused.
//!
//! | module | holds |
//! |---|---|
//! | `parser` | the parts, one event after the other |
//! | `boundary` | parameters of fields, and the boundary among them |
//! | `error` | bounds and faults |
//! | `tests` | forms, whole and in pieces |
//!
//! # Example
//!
//! ```
//! use tinyhttp_message::multipart::{Event, Parser, boundary};
//!
//! let boundary = boundary("multipart/form-data; boundary=xyz").unwrap();
//! let mut input: &[u8] =
//!     b"--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\nhello\r\n--xyz--";
//! let mut parser = Parser::new(&boundary);
//! let mut content = Vec::new();
//! loop {
//!     let (used, event) = parser.next(input)?;
//!     input = &input[used..];
//!     match event {
//!         Event::Part(part) => assert_eq!(part.name, "a"),
//!         Event::Content(piece) => content.extend_from_slice(piece),
//!         Event::PartEnd => {}
//!         Event::End => break,
//!         Event::NeedMore => panic!("the content is cut short"),
//!     }
//! }
//! assert_eq!(content, b"hello");
//! # Ok::<(), tinyhttp_message::multipart::MultipartError>(())
//! ```

mod boundary;
mod error;
mod parser;
#[cfg(test)]
mod tests;

pub use boundary::boundary;
pub use error::{Limits, MultipartError};
pub use parser::{Event, Parser, PartHead};
