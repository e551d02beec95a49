//! `--etag-save`: the entity tag of a response, for `--etag-compare` of a later run.

use crate::failure::Failure;
use crate::get::args::Args;
use crate::get::failure::write_failure;
use http::{StatusCode, header};
use std::fs;
use tinyhttp_client::Response;

/// Writes the tag to the file that `--etag-save` names. Without a tag the file is empty.
pub(in crate::get) fn save_entity_tag(args: &Args, response: &Response) -> Result<(), Failure> {
    let Some(path) = &args.request.etag_save else {
        return Ok(());
    };
    if response.status() == StatusCode::NOT_MODIFIED {
        return Ok(());
    }
    let tag = response.field(header::ETAG.as_str()).unwrap_or_default();
    fs::write(path, format!("{tag}\n"))
        .map_err(|error| write_failure(&path.display().to_string(), &error))
}
