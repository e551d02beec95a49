//! The search for the end of a head.

use super::limits::Limits;
use crate::error::ProtocolError;

/// Finds the end of a head in input that grows. Between calls it keeps how far it has looked, so
/// each byte is looked at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HeadScanner {
    /// The bytes that have been looked at.
    scanned: u32,
    /// The start of the current line.
    line: u32,
}

impl HeadScanner {
    /// Returns the length of the head at the start of `input`, with its empty line; `None` while
    /// its end has not arrived.
    ///
    /// `input` must begin with the input of the call before. `first_line` is the limit of the first
    /// line, if it has a limit of its own.
    pub(crate) fn find_end(
        &mut self,
        input: &[u8],
        first_line: Option<usize>,
        limits: &Limits,
    ) -> Result<Option<usize>, ProtocolError> {
        let mut line = self.line as usize;
        let mut scanned = self.scanned as usize;
        let window = &input[..input.len().min(limits.head)];
        while let Some(offset) = memchr::memchr(b'\n', &window[scanned..]) {
            let newline = scanned + offset;
            // The limit is checked first, so that the error does not depend on where the input is
            // cut.
            if line == 0 && first_line.is_some_and(|limit| newline > limit + 1) {
                return Err(too_long(first_line));
            }
            if newline == line || window[newline - 1] != b'\r' {
                return Err(ProtocolError::BareLineFeed);
            }
            if newline == line + 1 {
                return Ok(Some(newline + 1));
            }
            scanned = newline + 1;
            line = scanned;
        }
        // A CR at the end of the window may belong to the end of a line of exactly the limit.
        if line == 0 && first_line.is_some_and(|limit| window.len() > limit + 1) {
            return Err(too_long(first_line));
        }
        if input.len() >= limits.head {
            return Err(ProtocolError::HeadTooLarge { limit: limits.head });
        }
        // The casts hold: a head larger than its limit, far below 4 GiB, was refused above.
        self.line = u32::try_from(line).unwrap_or(u32::MAX);
        self.scanned = u32::try_from(window.len()).unwrap_or(u32::MAX);
        Ok(None)
    }
}

fn too_long(first_line: Option<usize>) -> ProtocolError {
    ProtocolError::RequestLineTooLong {
        limit: first_line.unwrap_or_default(),
    }
}
