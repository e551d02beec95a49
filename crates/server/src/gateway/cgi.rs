//! The head of a response as CGI programs write it (RFC 3875 §6), turned into one of HTTP.
//!
//! Lines may end in LF alone, the status is a field of its own, and the content lasts until the
//! program ends unless Content-Length says otherwise. Programs that write a status line themselves
//! are understood, too. What comes out is read as strictly as any response.

use memchr::{memchr, memchr_iter};
use std::borrow::Cow;
use std::fmt;

/// The most bytes of a head: applications set many cookies.
const LIMIT: usize = 64 * 1024;

/// Why a head is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CgiError {
    /// The head is too long.
    TooLong,
    /// Status is no status code.
    Status,
    /// There is more than one Status.
    Statuses,
    /// There is no field at all.
    Empty,
}

impl fmt::Display for CgiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CgiError::TooLong => "the head of the response is longer than 64 KiB",
            CgiError::Status => "the field Status is no status code",
            CgiError::Statuses => "there is more than one field Status",
            CgiError::Empty => "the response has no head",
        })
    }
}

/// Translates one response.
#[derive(Debug, Default)]
pub(crate) struct Translator {
    head: Vec<u8>,
    is_done: bool,
}

impl Translator {
    /// Translates received bytes. Nothing comes out until the head is complete.
    ///
    /// # Errors
    /// The fault of the head.
    pub(crate) fn translate<'b>(&mut self, bytes: &'b [u8]) -> Result<Cow<'b, [u8]>, CgiError> {
        if self.is_done {
            return Ok(Cow::Borrowed(bytes));
        }
        let seen = self.head.len();
        // Most heads come whole, and are not copied.
        let received = match seen {
            0 => bytes,
            _ => {
                self.head.extend_from_slice(bytes);
                &self.head
            }
        };
        let Some(end) = end_of_head(received, seen) else {
            if received.len() > LIMIT {
                return Err(CgiError::TooLong);
            }
            if seen == 0 {
                self.head.extend_from_slice(bytes);
            }
            return Ok(Cow::Borrowed(&[]));
        };
        if end > LIMIT {
            return Err(CgiError::TooLong);
        }
        self.is_done = true;
        let mut out = Vec::with_capacity(received.len() + 32);
        write_head(&received[..end], &mut out)?;
        out.extend_from_slice(&received[end..]);
        self.head = Vec::new();
        Ok(Cow::Owned(out))
    }
}

/// The end of the empty line; the first `seen` bytes have been searched before.
fn end_of_head(bytes: &[u8], seen: usize) -> Option<usize> {
    // The line break before the empty line may be among them.
    let mut at = seen.saturating_sub(2);
    // An empty first line ends a head without fields.
    if seen < 2 && (bytes.starts_with(b"\n") || bytes.starts_with(b"\r\n")) {
        return Some(if bytes[0] == b'\n' { 1 } else { 2 });
    }
    while let Some(found) = memchr(b'\n', &bytes[at..]) {
        let next = at + found + 1;
        match bytes[next..] {
            [b'\n', ..] => return Some(next + 1),
            [b'\r', b'\n', ..] => return Some(next + 2),
            _ => at = next,
        }
    }
    None
}

fn write_head(head: &[u8], out: &mut Vec<u8>) -> Result<(), CgiError> {
    let mut lines = lines(head);
    let first = lines.clone().next().ok_or(CgiError::Empty)?;
    let is = |line: &[u8], name: &[u8]| {
        line.len() > name.len()
            && line[name.len()] == b':'
            && line[..name.len()].eq_ignore_ascii_case(name)
    };
    if first.starts_with(b"HTTP/") {
        lines.next();
        out.extend_from_slice(first);
    } else {
        let mut statuses = lines.clone().filter(|line| is(line, b"status"));
        let status = statuses.next();
        if statuses.next().is_some() {
            return Err(CgiError::Statuses);
        }
        let has_location = || lines.clone().any(|line| is(line, b"location"));
        out.extend_from_slice(b"HTTP/1.1 ");
        match status {
            Some(line) => out.extend_from_slice(status_of(&line[b"status:".len()..])?),
            None if has_location() => out.extend_from_slice(b"302 Found"),
            None => out.extend_from_slice(b"200 OK"),
        }
    }
    out.extend_from_slice(b"\r\n");
    for line in lines.filter(|line| !is(line, b"status")) {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// The lines of a head that are not empty. Each ends with LF.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    let mut start = 0;
    let lines = memchr_iter(b'\n', head).map(move |end| {
        let line = &head[start..end];
        start = end + 1;
        line.strip_suffix(b"\r").unwrap_or(line)
    });
    lines.filter(|line| !line.is_empty())
}

/// The status code and its reason.
fn status_of(value: &[u8]) -> Result<&[u8], CgiError> {
    let value = value.trim_ascii();
    let is_code = value.len() >= 3
        && value[..3].iter().all(u8::is_ascii_digit)
        && (b'2'..=b'5').contains(&value[0])
        && value.get(3).is_none_or(|byte| *byte == b' ');
    match is_code {
        true => Ok(value),
        false => Err(CgiError::Status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(response: &str, size: usize) -> Result<String, CgiError> {
        let mut translator = Translator::default();
        let mut out = Vec::new();
        for part in response.as_bytes().chunks(size) {
            out.extend_from_slice(&translator.translate(part)?);
        }
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn heads() {
        let table = r"
            Content-Type: a\n\nhi\n\n => HTTP/1.1 200 OK\r\nContent-Type: a\r\n\r\nhi\n\n
            A: b\r\n\r\nhi => HTTP/1.1 200 OK\r\nA: b\r\n\r\nhi
            A: b\nStatus: 404 Not Found\r\nC: d\n\r\n => HTTP/1.1 404 Not Found\r\nA: b\r\nC: d\r\n\r\n
            status:201\n\n => HTTP/1.1 201\r\n\r\n
            Location: /x\n\n => HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n
            HTTP/1.0 200 OK\r\nA: b\r\n\r\nhi => HTTP/1.0 200 OK\r\nA: b\r\n\r\nhi
            A: b\n =>
            \n => Err(Empty)
            \r\n\r\n => Err(Empty)
            Status: 200\nstatus: 404\n\n => Err(Statuses)
            Status: 200\nA: b\nStatus: 200\n\n => Err(Statuses)
            Status: ok\n\n => Err(Status)
            Status: 1\n\n => Err(Status)
            Status: 100 Continue\n\n => Err(Status)
            Status: 2000\n\n => Err(Status)
        ";
        for (response, expected) in table::cases(table) {
            let (response, expected) = (table::unescaped(response), table::unescaped(expected));
            for size in [1, 2, 3, 100] {
                let got = translated(&response, size);
                let got = got.unwrap_or_else(|error| format!("Err({error:?})"));
                assert_eq!(got, expected, "{response:?} {size}");
            }
        }
        let long = "A: b\n".repeat(20_000);
        assert_eq!(translated(&long, 1000), Err(CgiError::TooLong));
    }

    proptest::proptest! {
        #[test]
        fn cuts_change_nothing(response in "[A-Z: \r\nb0-9]{0,60}", size in 1usize..10) {
            proptest::prop_assert_eq!(translated(&response, size), translated(&response, 1000));
        }
    }
}
