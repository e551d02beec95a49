//! One URL: the request, the response, and its content to where it belongs.

use super::address;
use super::args::Args;
use super::failure::read_failure;
use super::output::Output;
use super::request::Plan;
use super::terminal::Console;
use super::verbose::Narrator;
use crate::failure::Failure;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;
use tinyhttp_client::{Client, Response};
use url::Url;

/// How much is read at a time.
const PIECE: usize = 128 * 1024;

/// Fetches the URL and shows the response, or writes it to a file.
pub(super) fn transfer(
    args: &Args,
    client: &Client,
    console: Console,
    index: usize,
    url: &str,
) -> Result<(), Failure> {
    let begun = Instant::now();
    let original = url;
    let url = address::parse(original)?;
    let target = target(args, &url, index)?;
    let plan = Plan::new(args, &url, original)?;
    let mut response = plan.request(client)?.send()?;
    if args.output.fail && response.status().as_u16() >= 400 {
        let status = response.status().as_u16();
        return Err(Failure::with_code(
            22,
            format!("the server answered {status} {}", response.reason()),
        ));
    }
    let is_readable = console.is_readable && target.is_none();
    let mut output = match &target {
        Some(path) => Output::file(path, args.download.clobber || !args.download.remote_name)?,
        None => Output::stdout(is_readable)?,
    };
    if args.output.include || args.output.head || is_readable && !args.output.verbose {
        for hop in response.trace().hops {
            output.head(&hop.response, console.stdout_colour)?;
        }
    }
    let printed = copy(&mut response, &mut output)?;
    output.finish()?;
    if args.output.verbose {
        let to = match &target {
            Some(path) => path.display().to_string(),
            None => "standard output".to_owned(),
        };
        drop(response);
        Narrator::new(console).printed(begun.elapsed(), printed, &to);
    }
    Ok(())
}

fn copy(response: &mut Response, output: &mut Output) -> Result<u64, Failure> {
    let mut buffer = vec![0; PIECE];
    let mut total = 0;
    while !output.has_seen_enough() {
        match response.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                total += read as u64;
                output.write(&buffer[..read])?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(read_failure(error)),
        }
    }
    Ok(total)
}

/// The file that -o or -O names for this URL; `None`: standard output.
fn target(args: &Args, url: &Url, index: usize) -> Result<Option<PathBuf>, Failure> {
    if args.download.remote_name {
        return remote_name(url)
            .map(PathBuf::from)
            .map(Some)
            .ok_or_else(|| {
                Failure::with_code(23, format!("the URL {url} ends without a file name"))
                    .hint("name the file with -o FILE")
            });
    }
    let given = args.download.output.get(index).map(PathBuf::as_path);
    Ok(given
        .filter(|path| *path != Path::new("-"))
        .map(Path::to_owned))
}

/// The last segment of the path as a file name that stays in this folder.
fn remote_name(url: &Url) -> Option<String> {
    let segment = url.path_segments()?.next_back()?;
    let name = percent_encoding::percent_decode_str(segment).decode_utf8_lossy();
    let name: String = name
        .chars()
        .map(|character| match character {
            '/' | '\\' => '_',
            other if other.is_control() => '_',
            other => other,
        })
        .collect();
    let name = name.trim_start_matches('.');
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_names_stay_here() {
        let table = [
            ("http://h/a/b.txt?c#d", Some("b.txt")),
            ("http://h/a%20b", Some("a b")),
            ("http://h/", None),
            ("http://h/a/", None),
            ("http://h/%2e%2e%2fetc%2fpasswd", Some("_etc_passwd")),
            ("http://h/.bashrc", Some("bashrc")),
            ("http://h/..%5cx", Some("_x")),
            ("http://h/%1b%5b2J", Some("_[2J")),
        ];
        for (url, want) in table {
            let name = remote_name(&Url::parse(url).unwrap());
            assert_eq!(name.as_deref(), want, "{url}");
        }
    }
}
