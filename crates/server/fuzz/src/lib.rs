//! What the targets share: a directory that is made anew for each input, a request to it, and a
//! strict look at HTML.

use http::{Request, Response};
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use tinyhttp_server::{Body, Files, Handler};

/// Bytes as a file name: no slash, no NUL, not empty, not hidden, and no longer than file systems
/// allow.
pub fn file_name(bytes: &[u8]) -> Option<&OsStr> {
    let is_name = !bytes.is_empty()
        && bytes.len() <= 255
        && bytes[0] != b'.'
        && !bytes.iter().any(|byte| matches!(byte, 0 | b'/'));
    is_name.then(|| OsStr::from_bytes(bytes))
}

/// A new directory in memory, if the system has such a place.
pub fn directory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    made.expect("a temporary directory")
}

/// The response to a GET request for a directory.
pub fn get(directory: &Path, target: &str) -> Option<Response<Body>> {
    respond(directory, Request::get(target))
}

/// The response to a GET request for a part.
pub fn get_part(directory: &Path, target: &str, range: &str) -> Option<Response<Body>> {
    respond(directory, Request::get(target).header("Range", range))
}

fn respond(directory: &Path, request: http::request::Builder) -> Option<Response<Body>> {
    let files = Files::open(directory).expect("a directory");
    let request = request.header("Host", "localhost").body(Body::empty());
    Some(files.handle(request.ok()?.into()).response().into())
}

/// The response's content.
pub fn content(response: Response<Body>) -> Vec<u8> {
    let mut content = Vec::new();
    let mut body = response.into_body();
    body.read_to_end(&mut content).expect("content in memory");
    content
}

/// The names and attribute names of all tags in a page, in lower case.
///
/// # Panics
/// Where a browser and a simple reader could see different tags: at `<` that begins none, and at an
/// attribute without quotes.
pub fn tags(page: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").expect("a comment ends").1;
            continue;
        }
        let end = after
            .find(|character: char| matches!(character, ' ' | '>' | '\n' | '/'))
            .filter(|end| *end > 0)
            .or_else(|| after.strip_prefix('/')?.find('>').map(|end| end + 1))
            .expect("a tag ends");
        let name = after[..end].to_ascii_lowercase();
        let mut attributes = Vec::new();
        let mut inside = after[end..].trim_start();
        loop {
            inside = inside.trim_start_matches([' ', '\n', '\t', '/']);
            if let Some(behind) = inside.strip_prefix('>') {
                rest = behind;
                break;
            }
            let end = inside
                .find(|character: char| matches!(character, '=' | ' ' | '>' | '\n'))
                .expect("an attribute ends");
            attributes.push(inside[..end].to_ascii_lowercase());
            inside = &inside[end..];
            if let Some(value) = inside.strip_prefix('=') {
                let quote = value
                    .chars()
                    .next()
                    .filter(|quote| matches!(quote, '"' | '\''));
                let quote = quote.expect("an attribute's value is in quotes");
                inside = value[1..].split_once(quote).expect("a quoted value ends").1;
            }
        }
        // The content of these is not HTML.
        if matches!(&*name, "script" | "style") {
            let end = format!("</{name}>");
            rest = rest.split_once(&*end).expect("a script or style ends").1;
        }
        found.push((name, attributes));
    }
    found
}
