//! `-b` and `-c`: the cookies of a file, and back into one.

use super::address;
use crate::failure::Failure;
use crate::get::args::{Args, RequestArgs, bytes};
use crate::get::failure::{read_failure, write_failure};
use crate::get::output::sink::Output;
use crate::get::output::{destination, replace};
use crate::paths::directory_of;
use crate::visible::visible;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use tinyhttp_client::Jar;
use url::Url;

/// A jar with the cookies of -b's files, if there is anything to do with cookies.
pub(in crate::get) fn open(all: &Args) -> Result<Option<Arc<Jar>>, Failure> {
    let args = &all.request;
    // A value with `=` in it is a cookie, not a file.
    let files: Vec<_> = args
        .cookie
        .iter()
        .filter(|cookie| !cookie.as_bytes().contains(&b'='))
        .collect();
    if files.is_empty() && args.cookie_jar.is_none() {
        return Ok(None);
    }
    let mut text = Vec::new();
    for file in files {
        let read = match file.as_bytes() {
            b"-" => io::stdin().read_to_end(&mut text).map(drop),
            _ => std::fs::read(file).map(|cookies| text.extend(cookies)),
        };
        match read {
            Ok(()) => {}
            // -b '' and a file that will be written only now are ways to begin without cookies.
            // curl ignores directories too.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::IsADirectory
                ) => {}
            Err(error) => return Err(read_failure(file, &error)),
        }
        text.push(b'\n');
    }
    let jar = Jar::from_netscape(&text);
    add_header_lines(&jar, &text, all);
    if args.junk_session_cookies {
        jar.end_session();
    }
    Ok(Some(Arc::new(jar)))
}

/// Adds the cookies in the `Set-Cookie` lines of heads, such as -D writes. A line belongs to the
/// host that it names as `Domain`, otherwise to the host of the first URL.
fn add_header_lines(jar: &Jar, text: &[u8], args: &Args) {
    let first = || {
        let target = args.targets().next()?.ok()?;
        let url = address::parse(&target.url).ok()?.url;
        url.host_str().map(str::to_owned)
    };
    for line in text.split(|byte| *byte == b'\n') {
        let Some((name, value)) = bytes::split_once(line, b':') else {
            continue;
        };
        if !name.eq_ignore_ascii_case(b"set-cookie") {
            continue;
        }
        // Cookies that are Secure may be kept, and are for the whole host unless they have a path.
        if let Some(host) = domain(value).or_else(first) {
            if let Ok(url) = Url::parse(&format!("https://{host}/")) {
                jar.store(&url, value.trim_ascii());
            }
        }
    }
}

/// The host in the last `Domain` attribute.
fn domain(cookie: &[u8]) -> Option<String> {
    let attributes = cookie.split(|byte| *byte == b';').skip(1);
    let pairs = attributes.filter_map(|attribute| bytes::split_once(attribute, b'='));
    let domains = pairs.filter(|(name, _)| name.trim_ascii().eq_ignore_ascii_case(b"domain"));
    let (_, value) = domains.last()?;
    let host = std::str::from_utf8(value.trim_ascii()).ok()?;
    let host = host.strip_prefix('.').unwrap_or(host);
    (!host.is_empty()).then(|| host.to_owned())
}

/// Writes all cookies to the file that -c names.
pub(in crate::get) fn save(args: &RequestArgs, jar: &Jar) -> Result<(), Failure> {
    let Some(path) = &args.cookie_jar else {
        return Ok(());
    };
    let text = jar.to_netscape();
    if path == Path::new("-") {
        let mut stdout = io::stdout();
        let result = match stdout.is_terminal() {
            true => write!(stdout, "{}", visible(&String::from_utf8_lossy(&text))),
            false => stdout.write_all(&text),
        };
        return result.map_err(|error| write_failure("to standard output", &error));
    }
    // A device or a FIFO is written to; it must not be replaced by a file.
    if destination::is_special(path) {
        return Output::special(path)?.write(&text);
    }
    write_privately(path, &text)
}

/// Cookies are secrets: a new file is readable for its owner only, and the file is there as a
/// whole or as it was.
fn write_privately(path: &Path, text: &[u8]) -> Result<(), Failure> {
    let failed = |error: &io::Error| write_failure(&path.display().to_string(), error);
    let is_there = replace::check(path)?.is_some();
    let real = replace::resolve(path)?;
    // The name is random, and the file is created exclusively: no link that lies there is followed.
    let created = tempfile::Builder::new()
        .prefix(".tinyhttp-cookies-")
        .tempfile_in(directory_of(&real));
    let created = match created {
        Ok(created) => created,
        // The file may be written to, though its folder may not.
        Err(_) if is_there => {
            let mut file = tempfile::tempfile().map_err(|error| failed(&error))?;
            file.write_all(text).map_err(|error| failed(&error))?;
            return replace::put(&mut file, None, path, true).map(drop);
        }
        Err(error) => return Err(failed(&error)),
    };
    let (mut file, name) = created.into_parts();
    file.write_all(text).map_err(|error| failed(&error))?;
    if replace::put(&mut file, Some(&name), path, true)? {
        // It has its own name now, and there is nothing to remove.
        let _ = name.keep();
    }
    Ok(())
}
