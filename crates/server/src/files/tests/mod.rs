//! Requests to a directory, without a socket.
//!
//! | module | holds |
//! |---|---|
//! | `paths` | paths and methods |
//! | `options` | what options change: pages, fields, types |
//! | `codings` | content codings |
//! | `ranges` | preconditions and ranges |
//! | `changes` | files that change |
//! | `root` | the served directory removed or replaced |
//! | `listing` | listings |
//! | `archives` | archives |
//! | `scripts` | files that are run, and never sent |

mod archives;
mod changes;
#[cfg(feature = "compression")]
mod codings;
mod listing;
mod options;
mod paths;
mod ranges;
mod root;
mod scripts;

use super::*;
use http::request::Builder;
use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;
use tempfile::TempDir;

/// A directory and its handler.
struct Site {
    folder: TempDir,
    files: Files,
}

/// A response whose content has been read.
struct Answer {
    status: u16,
    fields: HeaderMap,
    content: Vec<u8>,
}

impl Site {
    /// Creates a directory of files and their content, and serves it with the defaults.
    fn new(files: &[(&str, &str)]) -> Self {
        Site::with(Options::new(), files)
    }

    fn with(options: Options, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let files = options.open(folder.path()).unwrap();
        Site { folder, files }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn answer(&self, request: Builder) -> Answer {
        let response = self.files.respond_to(request.body(Body::empty()).unwrap());
        let response = http::Response::<Body>::from(response);
        let (head, mut body) = response.into_parts();
        let length = body.length();
        let mut content = Vec::new();
        body.read_to_end(&mut content).unwrap();
        assert!(length.is_none_or(|length| length == content.len() as u64));
        Answer {
            status: head.status.as_u16(),
            fields: head.headers,
            content,
        }
    }

    fn get(&self, target: &str) -> Answer {
        self.answer(http::Request::get(target))
    }

    /// GET with fields as text: `Name: value | Name: value`.
    fn get_with(&self, target: &str, fields: &str) -> Answer {
        let fields = fields
            .split(" | ")
            .filter_map(|field| field.split_once(": "));
        let request = fields.fold(http::Request::get(target), |request, (name, value)| {
            request.header(name, value)
        });
        self.answer(request)
    }
}

impl Files {
    /// The response to a request, whether it blocks or not.
    fn respond_to(&self, request: http::Request<Body>) -> Response {
        self.handle(request.into()).response()
    }
}

impl Answer {
    /// A field's value; empty if the field is missing.
    fn field(&self, name: &str) -> &str {
        let value = self.fields.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.content).unwrap()
    }
}
