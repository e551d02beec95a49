//! What a form sends: `name=value` pairs, joined by `&`, with `+` for spaces and `%` codes for the
//! rest.

use http::StatusCode;
use percent_encoding::percent_decode_str;
use std::io::Read;
use tinyhttp_server::Body;

/// The longest form that is read, in bytes.
const MOST: u64 = 4096;

/// Reads a form from a request's content; or says with which status to refuse it.
pub(crate) fn read(content: &mut Body) -> Result<String, StatusCode> {
    let mut form = Vec::new();
    content
        .take(MOST + 1)
        .read_to_end(&mut form)
        .map_err(|_| StatusCode::BAD_REQUEST)?;
    if form.len() as u64 > MOST {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    String::from_utf8(form).map_err(|_| StatusCode::BAD_REQUEST)
}

/// The first value of that name. Split first, then decoded, so that an encoded `&` stays part of
/// its value.
pub(crate) fn value(form: &str, name: &str) -> Option<String> {
    let mut pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    let value = value.replace('+', " ");
    Some(percent_decode_str(&value).decode_utf8_lossy().into_owned())
}
