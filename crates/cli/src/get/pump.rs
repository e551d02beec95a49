//! Content from the network to where it belongs, no faster than asked, counted as it passes.

use super::progress::Bar;
use super::trouble::Trouble;
use crate::failure::Failure;
use std::io::{self, Read};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tinyhttp_client::Error;

/// How much is read at a time.
const PIECE: usize = 256 * 1024;

/// The bounds of one transfer.
#[derive(Clone)]
pub(super) struct Pump {
    /// Bytes in a second.
    pub(super) rate: Option<u64>,
    /// Bytes at all.
    pub(super) most: Option<u64>,
    pub(super) bar: Bar,
}

impl Pump {
    /// Reads up to `limit` bytes and hands each piece on, until the end or until the receiver wants no more (false). How
    /// many there were.
    pub(super) fn run(
        &self,
        from: impl Read,
        limit: u64,
        into: &mut dyn FnMut(&[u8]) -> Result<bool, Failure>,
    ) -> Result<u64, Trouble> {
        let mut from = from.take(limit);
        let begun = Instant::now();
        let mut buffer = vec![0; self.piece()];
        let mut total = 0;
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(total),
                Ok(read) => {
                    total += read as u64;
                    self.bar.advance(read as u64);
                    if !into(&buffer[..read])? {
                        return Ok(total);
                    }
                    if self.most.is_some_and(|most| total > most) {
                        return Err(self.too_large().into());
                    }
                    self.slow_down(total, begun);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(match Error::from_io(error) {
                        Ok(error) => error.into(),
                        Err(error) => Failure::with_code(56, error.to_string()).into(),
                    });
                }
            }
        }
    }

    /// Refuses content that is announced to be too long.
    pub(super) fn check_length(&self, length: u64) -> Result<(), Failure> {
        match self.most {
            Some(most) if length > most => Err(self.too_large()),
            _ => Ok(()),
        }
    }

    fn too_large(&self) -> Failure {
        let most = self.most.unwrap_or_default();
        Failure::with_code(63, format!("the content is longer than {most} bytes"))
            .hint("--max-filesize says so")
    }

    /// A slow transfer is read in small pieces, so that it flows rather than jerks.
    fn piece(&self) -> usize {
        match self.rate {
            Some(rate) => usize::try_from(rate / 10).map_or(PIECE, |tenth| tenth.clamp(256, PIECE)),
            None => PIECE,
        }
    }

    fn slow_down(&self, total: u64, begun: Instant) {
        if let Some(rate) = self.rate {
            let due = Duration::from_secs_f64(total as f64 / rate as f64);
            sleep(due.saturating_sub(begun.elapsed()));
        }
    }
}
