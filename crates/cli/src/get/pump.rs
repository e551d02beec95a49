//! Content from the network to the output: bounded in rate and size, and counted as it passes.

use super::args::DownloadArgs;
use super::attempt::AttemptError;
use super::connection::seconds;
use super::output::progress::Bar;
use crate::failure::Failure;
use std::io::{self, Read};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tinyhttp_client::Error;

/// How long a transfer may be too slow, unless said otherwise.
const LONG: Duration = Duration::from_secs(30);
/// How much is read at a time. What a file is given in large pieces, the kernel keeps in large
/// pages.
const PIECE: usize = 1024 * 1024;

/// The bounds of one transfer.
#[derive(Clone)]
pub(super) struct Pump {
    /// Upper bound in bytes per second.
    rate: Option<u64>,
    /// Upper bound in bytes.
    most: Option<u64>,
    slowest: Option<Slowest>,
    pub(super) bar: Bar,
}

/// The lower bound of `--speed-limit` and `--speed-time`: a transfer that stays below `rate` for
/// `time` is given up.
#[derive(Debug, Clone, Copy)]
struct Slowest {
    rate: u64,
    time: Duration,
}

impl Pump {
    /// The bounds that the flags set.
    pub(super) fn new(args: &DownloadArgs, bar: Bar) -> Self {
        let is_bounded = args.speed_limit.is_some() || args.speed_time.is_some();
        Pump {
            rate: args.limit_rate,
            most: args.max_filesize,
            slowest: is_bounded.then(|| Slowest {
                rate: args.speed_limit.unwrap_or(1),
                time: args.speed_time.and_then(seconds).unwrap_or(LONG),
            }),
            bar,
        }
    }

    /// The bounds of one of `count` transfers, which share the rates of one.
    pub(super) fn shared_by(self, count: u64) -> Self {
        let share = |rate: u64| (rate / count).max(1);
        Pump {
            rate: self.rate.map(share),
            slowest: self.slowest.map(|slowest| Slowest {
                rate: share(slowest.rate),
                ..slowest
            }),
            ..self
        }
    }

    /// Reads up to `limit` bytes and passes each piece to `into`, until the end or until `into`
    /// returns false. Returns the number of bytes.
    pub(super) fn run(
        &self,
        from: impl Read,
        limit: u64,
        into: &mut dyn FnMut(&[u8]) -> Result<bool, Failure>,
    ) -> Result<u64, AttemptError> {
        let mut from = from.take(limit);
        let begun = Instant::now();
        let mut buffer = vec![0; self.piece()];
        let mut total = 0;
        // When the present stretch began, and how much had come by then.
        let mut stretch = (begun, 0);
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
                    self.check_speed(total, &mut stretch)?;
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

    /// Whether the stretch, if it is over, brought enough; then another one begins.
    fn check_speed(&self, total: u64, stretch: &mut (Instant, u64)) -> Result<(), Failure> {
        let Some(Slowest { rate, time }) = self.slowest else {
            return Ok(());
        };
        let took = stretch.0.elapsed();
        if took < time {
            return Ok(());
        }
        let got = (total - stretch.1) as f64 / took.as_secs_f64();
        if got < rate as f64 {
            let seconds = time.as_secs_f64();
            let what = format!("only {got:.0} bytes per second were received for {seconds} s");
            return Err(
                Failure::with_code(28, what).hint("--speed-limit and --speed-time set this limit")
            );
        }
        *stretch = (Instant::now(), total);
        Ok(())
    }

    fn too_large(&self) -> Failure {
        let most = self.most.unwrap_or_default();
        Failure::with_code(63, format!("the content is longer than {most} bytes"))
            .hint("--max-filesize sets this limit")
    }

    /// A slow transfer is read in small pieces, so that it flows rather than jerks.
    fn piece(&self) -> usize {
        match self.rate {
            Some(rate) => usize::try_from(rate / 10).map_or(PIECE, |tenth| tenth.clamp(1, PIECE)),
            None => PIECE,
        }
    }

    fn slow_down(&self, total: u64, begun: Instant) {
        if let Some(rate) = self.rate {
            // A rate is at least 1, so that only a number beyond all content could fail.
            let due =
                Duration::try_from_secs_f64(total as f64 / rate as f64).unwrap_or(Duration::ZERO);
            sleep(due.saturating_sub(begun.elapsed()));
        }
    }
}
