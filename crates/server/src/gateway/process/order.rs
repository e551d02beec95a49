//! Orders and reports as bytes on a control socket.
//!
//! An order is its length (4 bytes, little-endian) and texts, each ended by NUL: the path of the
//! program below the root, then names and values of variables in turn. The server writes `F` behind
//! it when the response is complete.
//!
//! | report | meaning |
//! |---|---|
//! | `X` | the program has exited |
//! | `S` and a number | a signal has ended the program |
//! | `T` | it has run for too long |
//! | `L` | its output is too long |
//! | `E` and a text | it can't be run |

use crate::gateway::variables::Variables;

/// The longest order: more than the head of any request.
pub(super) const LONGEST: usize = 1024 * 1024;

/// The response is complete: the program may end by itself.
pub(super) const FINISHED: u8 = b'F';

/// A program to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    /// Its path below the root.
    pub(super) relative: Vec<u8>,
    pub(super) variables: Variables,
}

/// How a program has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Report {
    Exited,
    Signal(u8),
    TooSlow,
    TooLong,
    /// It can't be run, and why.
    Refused(String),
}

impl Order {
    /// Writes the order. Texts with NUL are left out: no program can have them.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = vec![0; 4];
        let mut push = |text: &[u8]| {
            out.extend_from_slice(text);
            out.push(0);
        };
        push(&self.relative);
        for (name, value) in self.variables.iter() {
            if !name.contains(&0) && !value.contains(&0) {
                push(name);
                push(value);
            }
        }
        let length = (out.len() - 4) as u32;
        out[..4].copy_from_slice(&length.to_le_bytes());
        out
    }

    /// Reads an order from the start of received bytes, and returns how many bytes it takes.
    /// `None`: it is not whole.
    ///
    /// # Errors
    /// If it is too long, or no order.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, &'static str> {
        let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length) as usize;
        if length > LONGEST {
            return Err("the order is too long");
        }
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        let body = body.strip_suffix(&[0]).ok_or("the order has no end")?;
        let mut texts = body.split(|byte| *byte == 0);
        let relative = texts.next().unwrap_or_default().to_vec();
        let mut variables = Variables::default();
        while let Some(name) = texts.next() {
            let value = texts.next().ok_or("a variable has no value")?;
            variables.add(name, value);
        }
        let order = Order {
            relative,
            variables,
        };
        Ok(Some((order, length + 4)))
    }
}

impl Report {
    pub(super) fn write(&self) -> Vec<u8> {
        match self {
            Report::Exited => vec![b'X'],
            Report::Signal(number) => vec![b'S', *number],
            Report::TooSlow => vec![b'T'],
            Report::TooLong => vec![b'L'],
            Report::Refused(why) => [b"E", why.as_bytes()].concat(),
        }
    }

    /// Reads the reports on a program, the first of which says why it has ended. `None`: there is
    /// none.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        Some(match bytes {
            [b'X', ..] => Report::Exited,
            [b'S', number, ..] => Report::Signal(*number),
            [b'T', ..] => Report::TooSlow,
            [b'L', ..] => Report::TooLong,
            [b'E', why @ ..] => Report::Refused(String::from_utf8_lossy(why).into_owned()),
            _ => return None,
        })
    }
}

/// Whether a variable is one that CGI defines, or that of a field. The supervisor sets no other: a
/// request can't choose what a loader or an interpreter does.
pub(super) fn is_variable(name: &[u8]) -> bool {
    const KNOWN: [&[u8]; 24] = [
        b"AUTH_TYPE",
        b"CONTENT_LENGTH",
        b"CONTENT_TYPE",
        b"DOCUMENT_ROOT",
        b"DOCUMENT_URI",
        b"GATEWAY_INTERFACE",
        b"HTTPS",
        b"PATH_INFO",
        b"PATH_TRANSLATED",
        b"QUERY_STRING",
        b"REDIRECT_STATUS",
        b"REMOTE_ADDR",
        b"REMOTE_PORT",
        b"REMOTE_USER",
        b"REQUEST_METHOD",
        b"REQUEST_SCHEME",
        b"REQUEST_URI",
        b"SCRIPT_FILENAME",
        b"SCRIPT_NAME",
        b"SERVER_ADDR",
        b"SERVER_NAME",
        b"SERVER_PORT",
        b"SERVER_PROTOCOL",
        b"SERVER_SOFTWARE",
    ];
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let is_field = name.strip_prefix(b"HTTP_").is_some_and(|rest| {
        !rest.is_empty() && rest.iter().all(is_plain) && !rest.eq_ignore_ascii_case(b"PROXY")
    });
    is_field || KNOWN.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_reports_are_read_as_they_were_written() {
        let mut order = Order {
            relative: b"cgi-bin/a".to_vec(),
            variables: Variables::default(),
        };
        order.variables.add(b"QUERY_STRING", b"");
        order.variables.add(b"BAD", b"a\0b");
        order.variables.add(b"HTTP_A", b"\xff=\n");
        let bytes = [order.write(), b"F".to_vec()].concat();
        let (read, length) = Order::read(&bytes).unwrap().unwrap();
        assert_eq!((length, &read.relative), (bytes.len() - 1, &order.relative));
        order.variables.retain(|name| name != b"BAD");
        assert_eq!(read, order);
        for end in 0..length {
            assert_eq!(Order::read(&bytes[..end]), Ok(None), "{end}");
        }
        for wrong in [
            &b"\xff\xff\xff\xff"[..],
            b"\0\0\0\0",
            b"\x01\0\0\0a",
            b"\x04\0\0\0a\0b\0",
        ] {
            assert!(Order::read(wrong).is_err(), "{wrong:?}");
        }
        for report in [
            Report::Exited,
            Report::Signal(9),
            Report::TooSlow,
            Report::TooLong,
            Report::Refused("why".to_owned()),
        ] {
            assert_eq!(Report::read(&report.write()), Some(report));
        }
        assert_eq!(Report::read(b""), None);
    }

    #[test]
    fn variables_that_requests_may_set() {
        for right in ["QUERY_STRING", "HTTP_A", "HTTP_X_PROXY", "HTTPS"] {
            assert!(is_variable(right.as_bytes()), "{right}");
        }
        for wrong in [
            "",
            "PATH",
            "LD_PRELOAD",
            "HTTP_PROXY",
            "HTTP_proxy",
            "HTTP_",
            "HTTP_A=B",
            "HTTP_A-B",
            "PYTHONPATH",
            "PERL5OPT",
            "query_string",
        ] {
            assert!(!is_variable(wrong.as_bytes()), "{wrong}");
        }
    }
}
