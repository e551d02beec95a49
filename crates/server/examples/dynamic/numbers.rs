//! Content of unknown length: it is sent in chunks, as fast as the client reads it.

use http::Response;
use std::io::{self, Cursor, Read};
use std::iter::StepBy;
use std::ops::RangeInclusive;
use tinyhttp_server::Body;

/// How many lines are made at a time.
const AT_ONCE: u32 = 1000;

/// All numbers up to a hundred thousand, a line each.
pub(crate) fn numbers() -> Response<Body> {
    let numbers = Numbers {
        firsts: (1..=100_000).step_by(AT_ONCE as usize),
        ready: Cursor::default(),
    };
    Response::new(Body::reader(numbers, None))
}

/// Lines that are made when they are asked for.
struct Numbers {
    firsts: StepBy<RangeInclusive<u32>>,
    ready: Cursor<Vec<u8>>,
}

impl Read for Numbers {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let all_read = self.ready.position() == self.ready.get_ref().len() as u64;
        if all_read && let Some(first) = self.firsts.next() {
            let numbers = first..first + AT_ONCE;
            let lines: String = numbers.map(|number| format!("{number}\n")).collect();
            self.ready = Cursor::new(lines.into_bytes());
        }
        self.ready.read(into)
    }
}
