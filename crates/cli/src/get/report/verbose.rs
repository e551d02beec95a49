//! `-v`: the seven steps of a fetch on stderr, each with its time.

use crate::get::output::terminal::{self, Console, paint, styles};
use crate::visible::visible;
use std::fmt;
use std::io::Write;
use std::time::Duration;
use tinyhttp_client::trace::{Event, Observer};

/// Tells each step as it is taken: `*` what happens, `>` what is sent, `<` what comes.
pub(in crate::get) struct Narrator {
    colour: bool,
}

impl Narrator {
    pub(in crate::get) fn new(console: Console) -> Self {
        Narrator {
            colour: console.stderr_colour,
        }
    }

    fn step(&self, at: Duration, step: &str, text: fmt::Arguments<'_>) {
        let text = text.to_string();
        let time = format!("{:>9}", milliseconds(at));
        self.line(format_args!(
            "* {} {} {}",
            paint(&time, styles::FAINT, self.colour),
            paint(&format!("{step:<10}"), styles::NAME, self.colour),
            visible(&text)
        ));
    }

    fn head(&self, mark: char, raw: &[u8]) {
        if raw.is_empty() {
            return;
        }
        let shown = super::redact::head(raw);
        for line in terminal::head(&shown, self.colour).lines() {
            self.line(format_args!("{mark} {line}"));
        }
    }

    /// Step 7, which is not the client's.
    pub(in crate::get) fn printed(&self, at: Duration, bytes: u64, to: &str) {
        let rate = bytes as f64 / at.as_secs_f64().max(1e-6) / 1e6;
        self.step(
            at,
            "7 print",
            format_args!("{bytes} bytes to {to}, {rate:.1} MB/s"),
        );
    }

    fn line(&self, line: fmt::Arguments<'_>) {
        // A closed stderr must not stop the transfer.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

impl Observer for Narrator {
    fn event(&self, at: Duration, event: &Event<'_>) {
        let step = |step, text: fmt::Arguments<'_>| self.step(at, step, text);
        match event {
            Event::Hop { url, .. } => {
                let host = url.host_str().unwrap_or_default();
                let port = url.port_or_known_default().unwrap_or_default();
                let path = url.path();
                step(
                    "1 URL",
                    format_args!("{url}: host {host}, port {port}, path {path}"),
                );
            }
            Event::RequestHead(raw) => {
                step("4 request", format_args!(""));
                self.head('>', raw);
            }
            Event::RequestSent { content: 0 } => {}
            Event::RequestSent { content } => {
                step("", format_args!("sent {content} bytes of content"));
            }
            Event::FirstByte => step("5 response", format_args!("the first byte has arrived")),
            Event::Interim(raw) | Event::ResponseHead { raw, .. } => self.head('<', raw),
            Event::Trailers(raw) => {
                let shown = super::redact::head(raw);
                for line in terminal::fields(&shown, self.colour).lines() {
                    self.line(format_args!("< {line}"));
                }
            }
            Event::Tolerated(deviation) => step(
                "",
                format_args!("tolerated, an error with --strict: {deviation}"),
            ),
            Event::End { close: None, .. } => {
                step("6 keep", format_args!("the connection stays open"));
            }
            Event::End {
                close: Some(reason),
                ..
            } => step("6 close", format_args!("{reason}")),
            Event::Redirect { status, location } => {
                let status = status.as_u16();
                step("", format_args!("redirect {status} to {location}"));
            }
            other => self.connection(at, other),
        }
    }
}

impl Narrator {
    /// Reports how the server is found and reached.
    fn connection(&self, at: Duration, event: &Event<'_>) {
        let step = |step, text: fmt::Arguments<'_>| self.step(at, step, text);
        match event {
            Event::Resolved { host, addresses } => {
                let list: Vec<_> = addresses
                    .iter()
                    .map(|address| address.ip().to_string())
                    .collect();
                let list = list.join(", ");
                // A zone is no part of the address itself.
                let address = host.trim_matches(['[', ']']).split('%').next();
                match address == Some(&list) {
                    true => step("2 resolve", format_args!("{host} is an address already")),
                    false => step("2 resolve", format_args!("{host} is at {list}")),
                }
            }
            Event::Connecting { address } => {
                step("3 connect", format_args!("trying {address}"));
            }
            Event::ConnectFailed { address, error } => {
                step("", format_args!("{address}: {error}"));
            }
            Event::Connected { peer } => step("", format_args!("connected to {peer}")),
            Event::Tunnel {
                proxy,
                request,
                response,
            } => {
                step("", format_args!("connected through the proxy {proxy}"));
                self.head('>', request);
                self.head('<', response);
            }
            Event::Secured { facts } => step(
                "",
                format_args!("{}, {}, {}", facts.version, facts.cipher, facts.group),
            ),
            Event::Reused { peer, exchanges } => {
                let number = exchanges + 1;
                step(
                    "3 connect",
                    format_args!("reusing the connection to {peer}: exchange {number}"),
                );
            }
            Event::Retry => step(
                "",
                format_args!("the server had closed that connection; opening a new one"),
            ),
            _ => {}
        }
    }
}

/// A time for the margin: `0.4 ms`, `1250 ms`.
fn milliseconds(at: Duration) -> String {
    let milliseconds = at.as_secs_f64() * 1e3;
    if milliseconds < 100.0 {
        format!("{milliseconds:.1} ms")
    } else {
        format!("{milliseconds:.0} ms")
    }
}
