//! `-b` and `-c`: the cookies of a file, and back into one.

use super::args::RequestArgs;
use super::failure::{read_failure, write_failure};
use crate::failure::Failure;
use crate::visible::visible;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use tinyhttp_client::Jar;

/// A jar with the cookies of -b's files, if there is anything to do with cookies.
pub(super) fn open(args: &RequestArgs) -> Result<Option<Arc<Jar>>, Failure> {
    // A value with `=` in it is a cookie, not a file.
    let files: Vec<_> = args
        .cookie
        .iter()
        .filter(|cookie| !cookie.contains('='))
        .collect();
    if files.is_empty() && args.cookie_jar.is_none() {
        return Ok(None);
    }
    let mut text = Vec::new();
    for file in files {
        match std::fs::read(file) {
            Ok(cookies) => text.extend(cookies),
            // -b '' and a file that will be written only now are ways to begin without cookies.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(read_failure(file, &error)),
        }
        text.push(b'\n');
    }
    let jar = Jar::from_netscape(&text);
    if args.junk_session_cookies {
        jar.end_session();
    }
    Ok(Some(Arc::new(jar)))
}

/// Writes them where -c says.
pub(super) fn save(args: &RequestArgs, jar: &Jar) -> Result<(), Failure> {
    let Some(path) = &args.cookie_jar else {
        return Ok(());
    };
    let text = jar.to_netscape();
    let result = if path == Path::new("-") {
        let mut stdout = io::stdout();
        match stdout.is_terminal() {
            true => write!(stdout, "{}", visible(&String::from_utf8_lossy(&text))),
            false => stdout.write_all(&text),
        }
    } else {
        write_privately(path, &text)
    };
    result.map_err(|error| write_failure(&path.display().to_string(), &error))
}

/// Cookies are as good as passwords: the file is for its owner only, and is there as a whole or as it was.
fn write_privately(path: &Path, text: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;

    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&name)?;
    file.write_all(text)?;
    std::fs::rename(&name, path)
}
