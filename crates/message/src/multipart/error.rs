//! Bounds on a form, and its faults.

use std::fmt;

/// Bounds on what a client may send. The defaults admit what browsers and scripts send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The number of parts: 1000.
    pub parts: usize,
    /// The head of a part, in bytes: 8 KiB.
    pub head: usize,
    /// The name of a part, and the name of a file, in bytes: 1024.
    pub name: usize,
    /// The text before the first delimiter, which is skipped, in bytes: 4 KiB.
    pub preamble: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            parts: 1000,
            head: 8 * 1024,
            name: 1024,
            preamble: 4 * 1024,
        }
    }
}

/// What is wrong with the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MultipartError {
    /// There are more parts than [`Limits::parts`].
    TooManyParts,
    /// A part's head is longer than [`Limits::head`].
    HeadTooLong,
    /// A name is longer than [`Limits::name`].
    NameTooLong,
    /// The text before the first delimiter is longer than [`Limits::preamble`].
    PreambleTooLong,
    /// A part's head is not made of fields.
    MalformedHead,
    /// A part's head has no `Content-Disposition: form-data` with a name (RFC 7578 §4.2).
    NoName,
    /// A delimiter is followed by something else than a line break or two hyphens.
    MalformedDelimiter,
}

impl MultipartError {
    /// Whether a bound is exceeded, which is a 413; otherwise the content is malformed, a 400.
    #[must_use]
    pub fn is_too_much(self) -> bool {
        matches!(
            self,
            MultipartError::TooManyParts
                | MultipartError::HeadTooLong
                | MultipartError::NameTooLong
                | MultipartError::PreambleTooLong
        )
    }
}

impl fmt::Display for MultipartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MultipartError::TooManyParts => "the form has too many parts",
            MultipartError::HeadTooLong => "the head of a part is too long",
            MultipartError::NameTooLong => "the name of a part is too long",
            MultipartError::PreambleTooLong => "the text before the first part is too long",
            MultipartError::MalformedHead => "the head of a part is malformed",
            MultipartError::NoName => "a part has no name",
            MultipartError::MalformedDelimiter => "a line between two parts is malformed",
        })
    }
}

impl std::error::Error for MultipartError {}
