//! A QR code of the URL for a phone, and a browser that is opened.

use super::args::BrowserArgs;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use qrcode::types::QrError;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use url::{Host, Url};

impl BrowserArgs {
    /// Prints the QR code, if --qr is given.
    pub(super) fn print(&self, urls: &[String]) {
        if let Some(url) = urls.iter().find(|url| !is_loopback(url)).or(urls.first()) {
            if self.qr {
                match qr_code(url) {
                    // The server also works without stdout.
                    Ok(code) => drop(io::stdout().write_all(format!("{code}\n{url}\n").as_bytes())),
                    Err(error) => log::warn!("there is no QR code for {url}: {error}"),
                }
            }
        }
    }

    /// Opens a browser, if --open is given. The sandbox would not allow it; the listeners keep the
    /// browser waiting until the server has started.
    pub(super) fn open(&self, urls: &[String]) -> Option<Browser> {
        let url = urls.first().filter(|_| self.open)?;
        let child = Command::new("xdg-open")
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // In a process group of its own: Ctrl-C would end the browser, too.
            .process_group(0)
            .spawn();
        match child {
            Ok(child) => Some(Browser(child)),
            Err(error) => {
                log::warn!("can't open a browser: xdg-open: {error}");
                None
            }
        }
    }
}

/// The process that opens a browser, or is one.
pub(super) struct Browser(Child);

impl Browser {
    /// Waits for the process in a thread, for as long as the browser is open, and logs a failure.
    pub(super) fn wait_in_background(mut self) -> io::Result<()> {
        let wait = move || match self.0.wait() {
            Ok(status) if status.success() => {}
            Ok(status) => log::warn!("can't open a browser: xdg-open: {status}"),
            Err(error) => log::warn!("can't open a browser: xdg-open: {error}"),
        };
        std::thread::Builder::new()
            .name("browser".to_owned())
            .stack_size(64 * 1024)
            .spawn(wait)?;
        Ok(())
    }
}

/// Whether only this machine can use the URL.
fn is_loopback(url: &str) -> bool {
    match Url::parse(url).as_ref().map(Url::host) {
        Ok(Some(Host::Ipv4(address))) => address.is_loopback(),
        Ok(Some(Host::Ipv6(address))) => address.is_loopback(),
        _ => false,
    }
}

/// Draws a QR code with a margin, two modules in a character. The characters draw the light
/// modules, because most terminals are dark.
fn qr_code(url: &str) -> Result<String, QrError> {
    let code = QrCode::new(url)?;
    let mut drawn = code.render::<Dense1x2>();
    drawn.light_color(Dense1x2::Dark);
    drawn.dark_color(Dense1x2::Light);
    Ok(drawn.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_urls_are_for_this_machine_only() {
        let table = [
            ("http://127.0.0.1:8080/", true),
            ("http://[::1]:8080/", true),
            ("http://192.0.2.1/", false),
            ("http://[2001:db8::1]:8080/", false),
        ];
        for (url, want) in table {
            assert_eq!(is_loopback(url), want, "{url}");
        }
    }

    /// Read as a camera does, with light where something is drawn: the margin of four modules, then
    /// the finder patterns.
    #[test]
    fn the_code_is_light_on_dark() {
        let drawn = qr_code("http://192.0.2.1:8080/").unwrap();
        let rows = drawn.lines().flat_map(|line| {
            let half = |halves: &'static str| move |character| halves.contains(character);
            [half("█▀"), half("█▄")].map(|is_light| line.chars().map(is_light).collect::<Vec<_>>())
        });
        let rows: Vec<Vec<bool>> = rows.collect();
        // Version 2 has 25 modules a side.
        assert_eq!(rows[0].len(), 33);
        assert!(rows[..4].iter().flatten().all(|is_light| *is_light));
        let finder = [
            "#######", "#.....#", "#.###.#", "#.###.#", "#.###.#", "#.....#", "#######",
        ];
        for (row, want) in rows[4..].iter().zip(finder) {
            for left in [4, 22] {
                let seen: String = row[left..left + 7]
                    .iter()
                    .map(|is_light| if *is_light { '.' } else { '#' })
                    .collect();
                assert_eq!(seen, want);
            }
        }
    }
}
