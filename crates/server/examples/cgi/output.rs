//! What a script printed: fields, an empty line, content (RFC 3875 §6).

use crate::failure::Failure;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use http::{Response, StatusCode, Uri};
use tinyhttp_server::Body;

/// Fields that are about the connection, which is the server's.
const THE_SERVERS: [&str; 8] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What a script wants to be answered.
pub(crate) enum Output {
    Response(Box<Response<Body>>),
    /// The response of another path of this server.
    Elsewhere(Uri),
}

/// Reads what a script printed.
pub(crate) fn parse(printed: &[u8]) -> Result<Output, Failure> {
    let mut fields = HeaderMap::new();
    let mut rest = printed;
    loop {
        let end = rest.iter().position(|&byte| byte == b'\n');
        let end = end.ok_or(Failure::Malformed("no empty line after the fields"))?;
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        rest = &rest[end + 1..];
        if line.is_empty() {
            break;
        }
        let (name, value) = field(line).ok_or(Failure::Malformed("a line that is no field"))?;
        fields.append(name, value);
    }
    let content = rest;

    for name in ["content-type", "location", "status"] {
        if fields.get_all(name).iter().count() > 1 {
            return Err(Failure::Malformed("Content-Type, Location or Status twice"));
        }
    }
    let status = fields
        .remove("status")
        .map(|value| status(value.as_bytes()))
        .transpose()?;
    let location = fields.get(LOCATION);
    if status.is_none() && location.is_none() && !fields.contains_key(CONTENT_TYPE) {
        return Err(Failure::Malformed(
            "none of Content-Type, Location and Status",
        ));
    }
    if let Some(path) = location
        && path.as_bytes().starts_with(b"/")
        && status.is_none()
        && fields.len() == 1
        && content.is_empty()
    {
        let path = Uri::try_from(path.as_bytes());
        return Ok(Output::Elsewhere(
            path.map_err(|_| Failure::Malformed("Location is no path"))?,
        ));
    }
    let usual = if location.is_some() {
        StatusCode::FOUND
    } else {
        StatusCode::OK
    };
    THE_SERVERS.iter().for_each(|name| {
        fields.remove(*name);
    });
    let mut response = Response::new(Body::from(content.to_vec()));
    *response.status_mut() = status.unwrap_or(usual);
    *response.headers_mut() = fields;
    Ok(Output::Response(Box::new(response)))
}

fn field(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
    Some((name, value))
}

/// Three digits and an optional reason, which is ignored. An interim status is not for a script to
/// send.
fn status(value: &[u8]) -> Result<StatusCode, Failure> {
    let digits = value.split(|&byte| byte == b' ').next().unwrap_or_default();
    StatusCode::from_bytes(digits)
        .ok()
        .filter(|status| (200..600).contains(&status.as_u16()))
        .ok_or(Failure::Malformed("a Status that is none"))
}
