//! `--explain`: a fetch told as a lesson, in the seven steps and in the parts of both messages, from what really happened.

mod caching;
#[cfg(feature = "tls")]
mod certificate;
mod notes;
mod steps;
mod waterfall;

use super::terminal::{paint, styles};
use super::write_out::Facts;
use crate::visible::visible;
use anstyle::Style;
use std::fmt::{self, Write as _};

/// The column where notes begin.
const NOTES: usize = 44;

/// The whole explanation.
pub(super) fn explain(facts: &Facts<'_>) -> String {
    let mut page = Page::new(facts.job.console.stdout_colour);
    for (index, hop) in facts.trace.hops.iter().enumerate() {
        let next = facts.trace.hops.get(index + 1);
        if index > 0 {
            page.blank();
        }
        steps::hop(&mut page, hop, next, facts.failure);
    }
    if let Some(failure) = facts.failure {
        page.heading("What went wrong", None);
        page.line(failure.what(), "");
    } else {
        steps::show(&mut page, facts);
    }
    if facts.trace.hops.iter().any(|hop| hop.connected.is_some()) {
        waterfall::draw(&mut page, facts.trace);
    }
    page.text
}

/// What is written, and how it is laid out: facts on the left, notes on the right.
struct Page {
    text: String,
    colour: bool,
}

impl Page {
    fn new(colour: bool) -> Self {
        Page {
            text: String::new(),
            colour,
        }
    }

    /// A step, and how long it took.
    fn heading(&mut self, title: &str, time: Option<std::time::Duration>) {
        self.blank();
        let title = paint(title, Style::new().bold(), self.colour).to_string();
        self.push(format_args!("{title}"));
        if let Some(time) = time {
            let time = format!("  {:.1} ms", time.as_secs_f64() * 1e3);
            let time = paint(&time, styles::FAINT, self.colour).to_string();
            self.push(format_args!("{time}"));
        }
        self.text.push('\n');
    }

    /// A fact, and what it means.
    fn line(&mut self, fact: &str, note: &str) {
        self.styled(fact, Style::new(), note);
    }

    fn styled(&mut self, fact: &str, style: Style, note: &str) {
        let shown = visible(fact).to_string();
        let width = shown.chars().count() + 4;
        let painted = paint(fact, style, self.colour && style != Style::new()).to_string();
        self.push(format_args!("    {painted}"));
        self.note(width, note);
    }

    /// A field: its name stands out.
    fn field(&mut self, name: &str, value: &str, note: &str) {
        let width = visible(name).to_string().chars().count()
            + visible(value).to_string().chars().count()
            + 6;
        let name = paint(name, styles::NAME, self.colour).to_string();
        let value = visible(value).to_string();
        self.push(format_args!("    {name}: {value}"));
        self.note(width, note);
    }

    /// Behind what has `width` columns, or below it if that is too long.
    fn note(&mut self, width: usize, note: &str) {
        if !note.is_empty() {
            if width + 2 > NOTES {
                self.text.push('\n');
                self.pad(NOTES);
            } else {
                self.pad(NOTES - width);
            }
            let note = paint(note, styles::FAINT, self.colour).to_string();
            self.push(format_args!("{note}"));
        }
        self.text.push('\n');
    }

    fn pad(&mut self, columns: usize) {
        self.text.extend(std::iter::repeat_n(' ', columns));
    }

    fn blank(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    fn push(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a String doesn't fail.
        let _ = self.text.write_fmt(text);
    }
}
