//! `--etag-save`: the entity tag of a response, for `--etag-compare` of a later run.

use super::destination::create_parent;
use crate::failure::Failure;
use crate::get::args::Args;
use crate::get::failure::write_failure;
use http::{StatusCode, header};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use tinyhttp_client::Response;

/// Refuses a file that the tag could not be written to, before anything is sent.
pub(in crate::get) fn check(args: &Args) -> Result<(), Failure> {
    let Some(path) = &args.request.etag_save else {
        return Ok(());
    };
    if path == Path::new("-") {
        return Ok(());
    }
    let open = || fs::File::options().append(true).create(true).open(path);
    match create_parent(&args.download, path).and_then(|()| open()) {
        Ok(_) => Ok(()),
        Err(error) => {
            let what = format!("could not write {}: {error}", path.display());
            Err(Failure::with_code(26, what).hint("check the path and your permission"))
        }
    }
}

/// Writes the tag to the file that `--etag-save` names. Without a tag the file is empty.
pub(in crate::get) fn save_entity_tag(args: &Args, response: &Response) -> Result<(), Failure> {
    let Some(path) = &args.request.etag_save else {
        return Ok(());
    };
    if response.status() == StatusCode::NOT_MODIFIED {
        return Ok(());
    }
    let line = match response.field(header::ETAG.as_str()) {
        Some(tag) if !tag.is_empty() => format!("{tag}\n"),
        _ => String::new(),
    };
    if path == Path::new("-") {
        return io::stdout()
            .write_all(line.as_bytes())
            .map_err(|error| write_failure("to standard output", &error));
    }
    create_parent(&args.download, path)
        .and_then(|()| fs::write(path, line))
        .map_err(|error| write_failure(&path.display().to_string(), &error))
}
