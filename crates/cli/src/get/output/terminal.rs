//! What a terminal may see: nothing that a server sends may move the cursor, change the title or
//! answer for the user.

use crate::get::args::{Colour, OutputArgs};
use crate::visible::visible;
use anstyle::{AnsiColor, Style};
use std::fmt::{self, Write};
use std::io::IsTerminal;

/// How output looks, on each of the two streams.
#[derive(Debug, Clone, Copy)]
pub(in crate::get) struct Console {
    /// Standard output is for people: heads are shown, content is made readable.
    pub(in crate::get) is_readable: bool,
    pub(in crate::get) stdout_colour: bool,
    pub(in crate::get) stderr_colour: bool,
}

impl Console {
    pub(in crate::get) fn new(args: &OutputArgs) -> Self {
        // NO_COLOR counts when it isn't empty (no-color.org).
        let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let colour = |is_terminal: bool| match args.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => is_terminal && !forbidden,
        };
        let is_readable = std::io::stdout().is_terminal() || args.pretty;
        Console {
            is_readable,
            stdout_colour: colour(is_readable),
            stderr_colour: colour(std::io::stderr().is_terminal()),
        }
    }
}

/// How wide a page may be: as wide as the terminal, within what can be read.
pub(in crate::get) fn columns() -> usize {
    let said = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok());
    let measured =
        || rustix::termios::tcgetwinsize(std::io::stdout()).map(|size| size.ws_col.into());
    said.or_else(|| measured().ok())
        .filter(|columns| *columns > 0)
        .unwrap_or(100)
        .clamp(60, 120)
}

/// What is coloured, and how.
pub(in crate::get) mod styles {
    use super::{AnsiColor, Style};

    pub(in crate::get) const NAME: Style = AnsiColor::Cyan.on_default();
    pub(in crate::get) const OK: Style = AnsiColor::Green.on_default().bold();
    pub(in crate::get) const REDIRECT: Style = AnsiColor::Yellow.on_default().bold();
    pub(in crate::get) const ERROR: Style = AnsiColor::Red.on_default().bold();
    pub(in crate::get) const STRING: Style = AnsiColor::Green.on_default();
    pub(in crate::get) const WORD: Style = AnsiColor::Yellow.on_default();
    pub(in crate::get) const FAINT: Style = Style::new().dimmed();
}

/// A piece of text in a style, or plain.
pub(in crate::get) struct Painted<'t> {
    text: &'t str,
    style: Option<Style>,
}

pub(in crate::get) fn paint(text: &str, style: Style, colour: bool) -> Painted<'_> {
    Painted {
        text,
        style: colour.then_some(style),
    }
}

impl fmt::Display for Painted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.style {
            Some(style) => write!(f, "{style}{}{style:#}", visible(self.text)),
            None => visible(self.text).fmt(f),
        }
    }
}

/// A head for reading: start line, names and values are coloured.
pub(in crate::get) fn head(raw: &[u8], colour: bool) -> String {
    let text = String::from_utf8_lossy(raw);
    let mut shown = String::with_capacity(text.len() * 2);
    for (index, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        // The blank line ends the head; what is behind it is nothing.
        if line.is_empty() && index > 0 {
            shown.push('\n');
            break;
        }
        if index == 0 {
            // Writing to a String doesn't fail.
            let _ = writeln!(shown, "{}", paint(line, start_line_style(line), colour));
        } else {
            field(line, colour, &mut shown);
        }
    }
    shown
}

/// Field lines for reading.
pub(in crate::get) fn fields(raw: &[u8], colour: bool) -> String {
    let mut shown = String::new();
    for line in String::from_utf8_lossy(raw).lines() {
        field(line, colour, &mut shown);
    }
    shown
}

fn field(line: &str, colour: bool, shown: &mut String) {
    // Writing to a String doesn't fail.
    let _ = match line.split_once(':') {
        Some((name, value)) => writeln!(
            shown,
            "{}:{}",
            paint(name, styles::NAME, colour),
            visible(value)
        ),
        None => writeln!(shown, "{}", visible(line)),
    };
}

pub(in crate::get) fn start_line_style(line: &str) -> Style {
    let class = line.split(' ').nth(1).and_then(|code| code.bytes().next());
    match class {
        Some(b'2') => styles::OK,
        Some(b'3') => styles::REDIRECT,
        Some(b'4' | b'5') => styles::ERROR,
        _ => Style::new().bold(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        let raw = b"HTTP/1.1 200 OK\r\nA: b\x1b[2J\r\nC: d\r\n\r\n";
        assert_eq!(
            head(raw, false),
            "HTTP/1.1 200 OK\nA: b\\u{1b}[2J\nC: d\n\n"
        );
        assert_eq!(fields(b"A: b\x07\r\nc\r\n", false), "A: b\\u{7}\nc\n");
        let coloured = head(raw, true);
        assert!(coloured.starts_with("\x1b[1m\x1b[32mHTTP/1.1 200 OK\x1b[0m\n"));
        assert!(coloured.contains("\x1b[36mA\x1b[0m: b\\u{1b}[2J\n"));
    }
}
