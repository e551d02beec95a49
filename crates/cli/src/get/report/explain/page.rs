//! The layout of an explanation in three columns: a name, a value, and what it means.
//!
//! ```text
//!   start line │ GET / HTTP/1.1      method, target, version (RFC 9112 §3)
//!       fields │ Host: h.test        which of the sites at that address
//!              │                     (RFC 9110 §7.2)
//! ```

use crate::get::output::terminal::{paint, styles};
use crate::visible::visible;
use anstyle::Style;
use std::ops::Range;
use std::time::Duration;

/// Labels end there; a line and a space follow.
const LABELS: usize = 13;
/// Where facts begin.
const FACTS: usize = LABELS + 3;
/// Between a fact and its note, at least.
const GAP: usize = 2;

/// What is written.
pub(super) struct Page {
    text: String,
    colour: bool,
    /// Columns of a line.
    width: usize,
    /// Where notes begin.
    notes: usize,
}

/// A piece of text in one style.
type Span<'t> = (&'t str, Style);

impl Page {
    pub(super) fn new(colour: bool, width: usize) -> Self {
        Page {
            text: String::new(),
            colour,
            width,
            notes: FACTS + 17 + (width - 60) / 2,
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Columns for facts that have no notes.
    pub(super) fn room(&self) -> usize {
        self.width - FACTS
    }

    /// A line across the page, with what begins below it.
    pub(super) fn rule(&mut self, title: &str) {
        self.blank();
        let title: String = visible(title)
            .to_string()
            .chars()
            .take(self.width - 8)
            .collect();
        let used = title.chars().count() + 5;
        let line = format!("━━ {title} {}", "━".repeat(self.width - used));
        self.paint(&line, styles::REDIRECT);
        self.text.push('\n');
    }

    /// A step, and how long it took.
    pub(super) fn heading(&mut self, title: &str, time: Option<Duration>) {
        self.blank();
        self.paint(title, Style::new().bold());
        if let Some(time) = time {
            let time = took(time);
            let used = title.chars().count() + time.chars().count();
            self.pad(self.width.saturating_sub(used).max(GAP));
            self.paint(&time, styles::FAINT);
        }
        self.text.push('\n');
    }

    /// A fact, what it is, and what it means.
    pub(super) fn row(&mut self, label: &str, fact: &str, note: &str) {
        self.spans(label, &[(fact, Style::new())], note);
    }

    pub(super) fn styled(&mut self, label: &str, fact: &str, style: Style, note: &str) {
        self.spans(label, &[(fact, style)], note);
    }

    /// A field of a message: its name stands out.
    pub(super) fn field(&mut self, label: &str, name: &str, value: &str, note: &str) {
        let plain = Style::new();
        self.spans(
            label,
            &[(name, styles::NAME), (": ", plain), (value, plain)],
            note,
        );
    }

    /// Facts too long for their column go on to the page's edge, and below; then the note stands
    /// below them.
    fn spans(&mut self, label: &str, spans: &[Span<'_>], note: &str) {
        let fact: Vec<(char, Style)> = spans
            .iter()
            .flat_map(|(text, style)| {
                let shown: Vec<_> = visible(text).to_string().chars().collect();
                shown.into_iter().map(|character| (character, *style))
            })
            .collect();
        let plain: Vec<char> = fact.iter().map(|(character, _)| *character).collect();
        let note = keep_together(note);
        let mut facts = lines(&plain, self.room()).into_iter();
        let mut notes = lines(&note, self.width - self.notes).into_iter().peekable();
        let is_short = plain.len() + GAP <= self.notes - FACTS;
        let mut label = label;
        loop {
            let fact_line = facts.next();
            let is_beside = is_short || fact_line.is_none();
            let note_line = notes.next_if(|_| is_beside);
            if fact_line.is_none() && note_line.is_none() && label.is_empty() {
                return;
            }
            self.label(std::mem::take(&mut label));
            let used = fact_line.as_ref().map_or(0, Range::len);
            let line = &fact[fact_line.unwrap_or(0..0)];
            for run in line.chunk_by(|(_, one), (_, other)| one == other) {
                let text: String = run.iter().map(|(character, _)| character).collect();
                self.paint(&text, run[0].1);
            }
            if let Some(line) = note_line {
                self.pad(self.notes - FACTS - used);
                let line: String = note[line].iter().collect();
                self.paint(&line.replace(TOGETHER, " "), styles::FAINT);
            }
            self.end_line();
        }
    }

    fn label(&mut self, label: &str) {
        self.pad(LABELS.saturating_sub(label.chars().count()));
        self.paint(label, styles::FAINT);
        self.paint(" │ ", styles::FAINT);
    }

    /// Blanks at the end of a line would be copied with it.
    fn end_line(&mut self) {
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.text.push('\n');
    }

    fn paint(&mut self, text: &str, style: Style) {
        let is_plain = style == Style::new();
        self.text += &paint(text, style, self.colour && !is_plain).to_string();
    }

    fn pad(&mut self, columns: usize) {
        self.text.extend(std::iter::repeat_n(' ', columns));
    }

    fn blank(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }
}

/// A time for people: `36 µs`, `1.2 ms`, `12 ms`, `2.5 s`.
pub(super) fn took(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match time.as_micros() {
        0..1_000 => format!("{:.0} µs", seconds * 1e6),
        1_000..10_000 => format!("{:.1} ms", seconds * 1e3),
        10_000..1_000_000 => format!("{:.0} ms", seconds * 1e3),
        _ => format!("{seconds:.1} s"),
    }
}

/// A space at which no line ends.
const TOGETHER: char = '\u{a0}';

/// The section that a note ends with stays in one piece.
fn keep_together(note: &str) -> Vec<char> {
    let (words, section) = note.split_at(note.rfind("(RFC").unwrap_or(note.len()));
    let section = section.chars().map(|character| match character {
        ' ' => TOGETHER,
        other => other,
    });
    words.chars().chain(section).collect()
}

/// Where to cut a text so that no line is longer than `width`: between words, or, where one is
/// longer than a line, in it.
fn lines(text: &[char], width: usize) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let mut start = 0;
    while text.len() - start > width {
        // A space may stand just behind the line's end.
        let space = text[start..=start + width]
            .iter()
            .rposition(|character| *character == ' ')
            .filter(|space| *space > 0);
        let end = start + space.unwrap_or(width);
        lines.push(start..end);
        start = end + usize::from(space.is_some());
    }
    if start < text.len() {
        lines.push(start..text.len());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts() {
        let table: &[(&str, usize, &[&str])] = &[
            ("", 5, &[]),
            ("hello", 5, &["hello"]),
            ("hello you", 5, &["hello", "you"]),
            ("hello you", 8, &["hello", "you"]),
            ("hello you", 9, &["hello you"]),
            ("incomprehensible", 5, &["incom", "prehe", "nsibl", "e"]),
            ("a incomprehensible", 7, &["a", "incompr", "ehensib", "le"]),
            ("üüü üüü", 4, &["üüü", "üüü"]),
        ];
        for (text, width, want) in table {
            let text: Vec<char> = text.chars().collect();
            let got: Vec<String> = lines(&text, *width)
                .into_iter()
                .map(|line| text[line].iter().collect())
                .collect();
            assert_eq!(got, *want);
        }
    }

    #[test]
    fn columns() {
        let mut page = Page::new(false, 60);
        page.heading("1  Step", Some(Duration::from_micros(1234)));
        page.row("host", "h.test", "a name to look up (RFC 3986 §3.2.2)");
        page.field("", "Cookie", &"x".repeat(45), "long");
        page.row("blank line", "", "");
        let want = "\
1  Step                                               1.2 ms
         host │ h.test           a name to look up
              │                  (RFC 3986 §3.2.2)
              │ Cookie:
              │ xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
              │ x
              │                  long
   blank line │
";
        assert_eq!(page.into_text(), want);
    }
}
