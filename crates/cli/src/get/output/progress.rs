//! How far a download is: a bar on stderr, for people only.

use crate::get::args::Args;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::time::Duration;

/// Where the bars of a run are drawn.
pub(in crate::get) struct Progress {
    all: Option<MultiProgress>,
}

/// The bars that are on the screen now.
static SHOWN: OnceLock<MultiProgress> = OnceLock::new();

/// Prints a line on stderr where bars may be drawn.
pub(in crate::get) fn print_line(text: &str) {
    let line = format!("tinyhttp: {}", crate::visible::visible(text));
    if let Some(bars) = SHOWN.get() {
        // What can't be cleared stays on the screen.
        let _ = bars.clear();
    }
    // If stderr is gone, so is the reader.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// One transfer's bar; perhaps none that is seen.
#[derive(Clone)]
pub(in crate::get) struct Bar(Option<ProgressBar>);

impl Progress {
    pub(in crate::get) fn new(args: &Args) -> Self {
        let output = &args.output;
        let is_wanted = std::io::stderr().is_terminal()
            && !args.download.no_progress_meter
            && !(output.silent || output.verbose || output.explain);
        // Ten times a second is enough for a reader.
        let draw = || MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        Progress {
            all: is_wanted.then(|| SHOWN.get_or_init(draw).clone()),
        }
    }

    /// A bar for what is called that.
    pub(in crate::get) fn bar(&self, name: &str) -> Bar {
        Bar(self.all.as_ref().map(|all| {
            let bar = all.add(ProgressBar::no_length());
            bar.set_message(crate::visible::visible(name).to_string());
            bar.set_style(style(UNKNOWN));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        }))
    }
}

const KNOWN: &str =
    "{msg} {percent:>3}% {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
const UNKNOWN: &str = "{msg} {spinner} {bytes}, {bytes_per_sec}, {elapsed}";

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        // Both templates are constants that a test reads.
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸ ")
}

impl Bar {
    /// A bar that is not drawn.
    pub(in crate::get) fn hidden() -> Self {
        Bar(None)
    }

    /// Sets the number of bytes in all, and of those that are there already.
    pub(in crate::get) fn expect(&self, total: Option<u64>, have: u64) {
        let Some(bar) = &self.0 else {
            return;
        };
        bar.set_position(have);
        bar.reset_eta();
        match total {
            Some(total) => {
                bar.set_style(style(KNOWN));
                bar.set_length(total);
            }
            None => {
                bar.set_style(style(UNKNOWN));
                bar.unset_length();
            }
        }
    }

    /// Whether anything is drawn.
    pub(in crate::get) fn is_shown(&self) -> bool {
        self.0.is_some()
    }

    /// Exactly this many bytes are there.
    pub(in crate::get) fn set(&self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(bytes);
        }
    }

    pub(in crate::get) fn advance(&self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(bytes);
        }
    }

    /// Says something without disturbing the bar.
    pub(in crate::get) fn note(&self, text: &str) {
        let line = format!("tinyhttp: {}", crate::visible::visible(text));
        match &self.0 {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// Takes the bar away.
    pub(in crate::get) fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_right() {
        for template in [KNOWN, UNKNOWN] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }
}
