//! `gopher://`: what came before the web (RFC 1436), and the simplest client there can be.
//!
//! ```text
//! client                      server
//! /about CRLF           ──▶
//!                       ◀──   the document, and the connection ends
//! ```
//!
//! The first character of the URL's path is the type of the item, the rest is the selector to
//! send. A menu has a line for each item: kind and title, selector, host, port, with tabs between
//! them.

use super::args::bytes::UNRESERVED;
use super::failure::write_failure;
use super::output::destination::Destination;
use super::output::sink::Output;
use super::output::terminal::{Console, paint, styles};
use super::pump::Pump;
use super::report::facts::Summary;
use super::report::verbose::Narrator;
use crate::failure::Failure;
use percent_encoding::{percent_decode_str, utf8_percent_encode};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::Arc;
use tinyhttp_client::trace::Observer;
use tinyhttp_client::{Client, Error, zone};
use url::Url;

/// A menu longer than that isn't shown as one.
const LONGEST_MENU: u64 = 16 * 1024 * 1024;

/// Whether the URL is one of gopher's.
pub(super) fn is_gopher(url: &Url) -> bool {
    matches!(url.scheme(), "gopher" | "gophers")
}

/// Fetches the document, and shows it or writes it to its place.
pub(super) fn fetch(
    client: &Client,
    (url, zone): (&Url, Option<&str>),
    destination: &Destination,
    pump: &Pump,
    console: Console,
    narrator: Option<Narrator>,
    summary: &mut Summary,
) -> Result<(), Failure> {
    let (kind, selector) = split(url);
    // A line break would begin a second request.
    if selector
        .iter()
        .any(|byte| matches!(byte, b'\r' | b'\n' | 0))
    {
        let what = format!("{url} has a line break in its selector");
        return Err(Failure::with_code(3, what).hint("leave out %0D, %0A and %00"));
    }
    let host = zone::host_of(url, zone)
        .map_err(|_| Failure::with_code(3, format!("{url} has no host")))?;
    let is_secure = url.scheme() == "gophers";
    let observer = narrator.map(|narrator| Arc::new(narrator) as Arc<dyn Observer>);
    let mut stream = client.connect(&host, url.port().unwrap_or(70), is_secure, observer)?;
    let failed = |error: io::Error| match Error::from_io(error) {
        Ok(error) => error.into(),
        Err(error) => Failure::with_code(55, format!("could not send: {error}")),
    };
    let mut request = selector;
    request.extend(b"\r\n");
    stream
        .write_all(&request)
        .and_then(|()| stream.flush())
        .map_err(failed)?;
    let is_menu = matches!(kind, '1' | '7');
    if is_menu && console.is_readable && *destination == Destination::Stdout {
        let mut menu = Vec::new();
        let read = pump.run(stream, LONGEST_MENU, &mut |piece| {
            menu.extend(piece);
            Ok(true)
        });
        summary.written = read.map_err(super::attempt::AttemptError::into_failure)?;
        let text = readable(&String::from_utf8_lossy(&menu), console.stdout_colour);
        return io::stdout()
            .write_all(text.as_bytes())
            .map_err(|error| write_failure("to standard output", &error));
    }
    let mut output = match destination {
        Destination::Stdout => Output::stdout(console, &http::HeaderMap::new())?,
        Destination::Special(path) => Output::special(path)?,
        Destination::File { path, may_replace } => Output::file(path, url, *may_replace)?,
        // Nothing in this protocol could name the file.
        Destination::Named(path) => Output::file(path, url, false)?,
    };
    let written = pump.run(stream, u64::MAX, &mut |piece| {
        output.write(piece)?;
        Ok(!output.has_seen_enough())
    });
    summary.written = written.map_err(super::attempt::AttemptError::into_failure)?;
    summary.file = output.finish()?;
    Ok(())
}

/// The kind of thing, and the selector: `/0/about%20me` is a text at `/about me`. `?` begins a
/// search.
fn split(url: &Url) -> (char, Vec<u8>) {
    let path = url.path().trim_start_matches('/');
    let mut characters = path.chars();
    let kind = characters.next().unwrap_or('1');
    let mut selector: Vec<u8> = percent_decode_str(characters.as_str()).collect();
    if let Some(query) = url.query() {
        selector.push(b'\t');
        selector.extend(percent_decode_str(query));
    }
    (kind, selector)
}

/// A menu as people read it: what it is, its title, its URL.
fn readable(menu: &str, colour: bool) -> String {
    let mut out = String::new();
    for line in menu.lines().take_while(|line| *line != ".") {
        let mut columns = line.split('\t');
        let first = columns.next().unwrap_or_default();
        let mut characters = first.chars();
        let kind = characters.next().unwrap_or('i');
        let title = characters.as_str();
        let word = match kind {
            '0' => "text",
            '1' => "menu",
            '3' => "error",
            '7' => "search",
            '4' | '5' | '6' | '9' => "file",
            'g' | 'I' | ':' => "image",
            'h' => "html",
            's' | '<' => "sound",
            'i' => "",
            _ => "other",
        };
        // Writing to a String doesn't fail.
        let _ = write!(
            out,
            "{} {}",
            paint(&format!("{word:>6}"), styles::FAINT, colour),
            paint(
                title,
                if word.is_empty() {
                    anstyle::Style::new()
                } else {
                    styles::NAME
                },
                colour
            )
        );
        let target = (columns.next(), columns.next(), columns.next());
        if let (Some(selector), Some(host), Some(port)) = target {
            if !matches!(kind, 'i' | '3') {
                let url = target_url(kind, selector, host, port.trim());
                let _ = write!(out, "\n         {}", paint(&url, styles::FAINT, colour));
            }
        }
        out.push('\n');
    }
    out
}

fn target_url(kind: char, selector: &str, host: &str, port: &str) -> String {
    // Menus point to the web with a selector that begins with `URL:`.
    if let (Some(url), 'h') = (selector.strip_prefix("URL:"), kind) {
        return url.to_owned();
    }
    let path: Vec<_> = selector
        .split('/')
        .map(|part| utf8_percent_encode(part, &UNRESERVED).to_string())
        .collect();
    let port = match port {
        "70" => String::new(),
        port => format!(":{port}"),
    };
    format!("gopher://{host}{port}/{kind}{}", path.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors() {
        let table: &[(&str, char, &[u8])] = &[
            ("gopher://h", '1', b""),
            ("gopher://h/", '1', b""),
            ("gopher://h/1", '1', b""),
            ("gopher://h/0/about%20me", '0', b"/about me"),
            ("gopher://h/7/find?a%20b", '7', b"/find\ta b"),
            ("gopher://h/0a%0d%0ab", '0', b"a\r\nb"),
        ];
        for (url, kind, selector) in table {
            let (got, sent) = split(&Url::parse(url).unwrap());
            assert_eq!((got, sent.as_slice()), (*kind, *selector), "{url}");
        }
    }

    #[test]
    fn menus() {
        let menu = "iWelcome\tfake\t(NULL)\t0\r\n\
            0About \x1b[31mme\t/about me\th.test\t70\r\n\
            1More\t/more\th.test\t7070\r\n\
            hThe web\tURL:https://w.test/\th.test\t70\r\n\
            3No such thing\r\n\
            .\r\nignored\r\n";
        assert_eq!(
            readable(menu, false),
            "       Welcome\n\
             \x20 text About \\u{1b}[31mme\n         gopher://h.test/0/about%20me\n\
             \x20 menu More\n         gopher://h.test:7070/1/more\n\
             \x20 html The web\n         https://w.test/\n\
             \x20error No such thing\n"
        );
    }
}
