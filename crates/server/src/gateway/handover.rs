//! Files that a server names in its response, and that are sent in the place of its content.
//!
//! An application decides which client may have a file, and leaves the sending to the server in
//! front of it: `X-Accel-Redirect` (nginx) names the file by a URL path, `X-Sendfile` (Apache,
//! lighttpd) by its path in the file system. Either is obeyed only for the directories that were
//! opened for it, and leads to no other place: the path becomes a request to the handler of that
//! directory, which has the same resolver as every other request. What that handler does not have
//! is a 404. It can't forward the request, so there is no loop.

use super::forward::SendFile;
use super::path::{Match, matches};
use super::request::connection_options;
use super::response::is_relayed;
use super::sent::SentFiles;
use crate::handler::Reply;
use crate::page::{encode_path, error_page};
use crate::request::Request;
use crate::response::Response;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_LOCATION, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, IF_MATCH, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED, LOCATION, RANGE, SET_COOKIE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use percent_encoding::percent_decode;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

/// The fields of a request that say which part of a file is wanted, and in which form.
const SELECTING: [HeaderName; 8] = [
    ACCEPT,
    ACCEPT_ENCODING,
    RANGE,
    IF_RANGE,
    IF_MATCH,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE,
];

/// The fields of a server's response that are about its own content, and not about the file's.
const OF_CONTENT: [HeaderName; 8] = [
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_LOCATION,
    CONTENT_RANGE,
    DATE,
    ETAG,
    LAST_MODIFIED,
    LOCATION,
];

/// Sends files in the place of the response to one request.
struct Handover {
    files: Arc<[SentFiles]>,
    /// The request for a file, but for its path.
    request: http::Request<()>,
    named: Named,
}

/// A file that a response names, and the fields of that response that its client gets.
#[derive(Default)]
struct Named {
    /// Where the file may be, the likeliest place first: which files, and the path below them.
    places: VecDeque<Place>,
    kept: HeaderMap,
    /// The value of the field, for the log.
    value: String,
}

type Place = (usize, Vec<u8>);

/// What sends files to the client of this request, if its server may name any.
pub(super) fn handover(
    files: Option<&Arc<[SentFiles]>>,
    request: &Request<'_>,
) -> Option<Box<dyn SendFile>> {
    Some(Box::new(Handover::new(files?, request)))
}

impl SendFile for Handover {
    fn take(&mut self, fields: &[(&str, &[u8])]) -> bool {
        let value = |wanted: &str| {
            let found = fields.iter();
            let mut found = found.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.next().map(|(_, value)| *value)
        };
        let (places, value) = match (value("x-accel-redirect"), value("x-sendfile")) {
            (Some(path), _) => (self.by_url(path), path),
            (None, Some(path)) => (self.by_file(path), path),
            (None, None) => return false,
        };
        self.named = Named {
            places: places.into(),
            kept: kept(fields),
            value: value.escape_ascii().to_string(),
        };
        self.choose_part();
        true
    }

    fn ready(&mut self) -> Option<Response> {
        while let Some((number, path)) = self.named.places.front() {
            match self.files[*number].handler.handle(self.request(path)) {
                Reply::Ready(response) if is_sendable(&response) => {
                    return Some(self.named.complete(response));
                }
                Reply::Blocking(_) => return None,
                // What is forwarded could name a file, again and again.
                _ => drop(self.named.places.pop_front()),
            }
        }
        Some(self.named.missing())
    }

    fn wait(mut self: Box<Self>) -> Response {
        while let Some((number, path)) = self.named.places.pop_front() {
            let response = self.files[number].handler.handle(self.request(&path));
            let response = response.response();
            if is_sendable(&response) {
                return self.named.complete(response);
            }
        }
        self.named.missing()
    }
}

impl Handover {
    fn new(files: &Arc<[SentFiles]>, request: &Request<'_>) -> Self {
        let method = request.method();
        let is_read = *method == Method::GET || *method == Method::HEAD;
        let mut wanted = http::Request::new(());
        *wanted.method_mut() = match *method == Method::HEAD {
            true => Method::HEAD,
            false => Method::GET,
        };
        *wanted.version_mut() = request.version();
        wanted.extensions_mut().insert(request.peer());
        // What a POST requires of its own resource says nothing of the file.
        for name in SELECTING.iter().filter(|_| is_read) {
            for value in request.field_values(name.as_str()) {
                if let Ok(value) = HeaderValue::from_bytes(value) {
                    wanted.headers_mut().append(name, value);
                }
            }
        }
        Handover {
            files: Arc::clone(files),
            request: wanted,
            named: Named::default(),
        }
    }

    /// Asks for the whole file where the response has no parts, or where parts would say another
    /// type than it: those of several ranges have the type that the file's name suggests. A range
    /// may be ignored (RFC 9110 §14.2).
    fn choose_part(&mut self) {
        let kept = &self.named.kept;
        let has_type = kept.contains_key(CONTENT_TYPE);
        let is_undivided = kept.get(ACCEPT_RANGES).is_some_and(|it| it == "none");
        let fields = self.request.headers_mut();
        let is_list = |value: &HeaderValue| value.as_bytes().contains(&b',');
        if is_undivided || (has_type && fields.get(RANGE).is_some_and(is_list)) {
            fields.remove(RANGE);
        }
    }

    /// The request for a file at this path.
    fn request(&self, path: &[u8]) -> Request<'static> {
        let path = [b"/", path.strip_prefix(b"/").unwrap_or(path)].concat();
        // What is no URI even then leads to the root, which is no file.
        let uri: Uri = encode_path(&path).parse().unwrap_or_default();
        let mut request = self.request.clone();
        *request.uri_mut() = uri;
        request.into()
    }

    /// The place of a URL path. It is decoded once.
    fn by_url(&self, value: &[u8]) -> Vec<(usize, Vec<u8>)> {
        let path = value.split(|byte| *byte == b'?').next().unwrap_or(value);
        let path: Cow<'_, [u8]> = percent_decode(path).into();
        let files = self.files.iter().enumerate();
        let matching = files.filter(|(_, files)| matches(&files.prefix, &path) == Match::Yes);
        let longest = matching.max_by_key(|(_, files)| files.prefix.len());
        let place = longest.map(|(number, files)| (number, path[files.prefix.len()..].to_vec()));
        place
            .filter(|_| path.starts_with(b"/") && is_plain(&path))
            .into_iter()
            .collect()
    }

    /// The places of a path in the file system. Some servers write it as it is, some encode it.
    fn by_file(&self, value: &[u8]) -> Vec<(usize, Vec<u8>)> {
        let decoded: Cow<'_, [u8]> = percent_decode(value).into();
        let is_same = *decoded == *value;
        let written = [value, &decoded[..]];
        let written = written.into_iter().take(if is_same { 1 } else { 2 });
        let places = written.filter(|path| is_plain(path)).filter_map(|path| {
            let files = self.files.iter().enumerate();
            let below =
                files.filter_map(|(number, files)| Some((number, files.below_directory(path)?)));
            let (number, rest) = below.min_by_key(|(_, rest)| rest.len())?;
            Some((number, rest.to_vec()))
        });
        places.collect()
    }
}

impl Named {
    /// The response for a file, with the fields of the server's.
    fn complete(&mut self, mut response: Response) -> Response {
        let has_file = response.status().is_success();
        let is_failure = response.status().is_client_error();
        let fields = response.headers_mut();
        let is_multipart = |value: &HeaderValue| value.as_bytes().starts_with(b"multipart/");
        let is_divided = fields.get(CONTENT_TYPE).is_some_and(is_multipart);
        let mut last = None;
        for (name, value) in std::mem::take(&mut self.kept) {
            // Further values of a field come without its name.
            let is_first = name.is_some();
            last = name.or(last);
            let Some(name) = &last else {
                continue;
            };
            let is_skipped = match *name {
                SET_COOKIE => false,
                CONTENT_TYPE => !has_file || is_divided,
                CONTENT_DISPOSITION | ACCEPT_RANGES => !has_file,
                // The page says what is wrong with the request.
                _ => is_failure,
            };
            if is_skipped {
                continue;
            }
            match is_first && *name != VARY {
                true => drop(fields.insert(name, value)),
                false => drop(fields.append(name, value)),
            }
        }
        response
    }

    /// The response when the file is not there.
    fn missing(&self) -> Response {
        log::warn!(
            "an upstream server named a file that can't be sent: {}",
            self.value
        );
        error_page(StatusCode::NOT_FOUND, "").into()
    }
}

/// Whether a response of a handler is about the file.
fn is_sendable(response: &Response) -> bool {
    [200, 206, 304, 412, 416].contains(&response.status().as_u16())
}

/// Whether a decoded path has neither `..` nor control characters.
fn is_plain(path: &[u8]) -> bool {
    let mut segments = path.split(|byte| *byte == b'/');
    !path.iter().any(u8::is_ascii_control) && !segments.any(|segment| segment == b"..")
}

/// The fields of a response that its client gets with the file.
fn kept(fields: &[(&str, &[u8])]) -> HeaderMap {
    let listed: Vec<&[u8]> = connection_options(fields.iter().copied()).collect();
    let mut kept = HeaderMap::new();
    for (name, value) in fields.iter().filter(|(name, _)| is_relayed(name, &listed)) {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            if !OF_CONTENT.contains(&name) {
                kept.append(name, value);
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::sent::sent_files;

    fn handover() -> Handover {
        let handler = |request: Request<'_>| request.path().to_owned();
        let first = SentFiles::new(handler).directory("/srv/all/");
        let second = SentFiles::new(handler)
            .prefix("/protected")
            .directory("/srv/private")
            .directory("/mnt/x%20y");
        let files = sent_files([first, second]).unwrap();
        Handover::new(&files, &Request::get("/"))
    }

    #[test]
    fn names_lead_to_places() {
        // Field, value, places as `number:rest`.
        let table: [(&str, &[u8], &[&str]); 27] = [
            ("X-Accel-Redirect", b"/protected/a.pdf", &["1:/a.pdf"]),
            ("x-accel-redirect", b"/protected/a%20b?x=/y", &["1:/a b"]),
            ("X-Accel-Redirect", b"/protected", &["1:"]),
            ("X-Accel-Redirect", b"/protectedx/a", &["0:protectedx/a"]),
            ("X-Accel-Redirect", b"/a", &["0:a"]),
            ("X-Accel-Redirect", b"//etc/passwd", &["0:/etc/passwd"]),
            ("X-Accel-Redirect", b"/%70rotected/a", &["1:/a"]),
            (
                "X-Accel-Redirect",
                b"/protected/%252e%252e/a",
                &["1:/%2e%2e/a"],
            ),
            ("X-Accel-Redirect", b"/protected/..a", &["1:/..a"]),
            ("X-Accel-Redirect", b"/protected/../a", &[]),
            ("X-Accel-Redirect", b"/protected/%2e%2e/a", &[]),
            ("X-Accel-Redirect", b"/protected/..%2fa", &[]),
            ("X-Accel-Redirect", b"/protected/a%00", &[]),
            ("X-Accel-Redirect", b"/protected/a%0ab", &[]),
            ("X-Accel-Redirect", b"protected/a", &[]),
            ("X-Accel-Redirect", b"http://h/protected/a", &[]),
            ("X-Accel-Redirect", b"@named", &[]),
            ("X-Accel-Redirect", b"", &[]),
            ("X-Sendfile", b"/srv/private/a.pdf", &["1:/a.pdf"]),
            ("X-Sendfile", b"/srv/all/a", &["0:/a"]),
            ("X-Sendfile", b"/srv/private/a%20b", &["1:/a%20b", "1:/a b"]),
            ("X-Sendfile", b"/mnt/x%20y/a", &["1:/a"]),
            ("X-Sendfile", b"/srv/privatex/a", &[]),
            ("X-Sendfile", b"/srv/private/../all/a", &[]),
            ("X-Sendfile", b"/srv/private/%2e%2e/a", &["1:/%2e%2e/a"]),
            ("X-Sendfile", b"/etc/passwd", &[]),
            ("X-Sendfile", b"a.pdf", &[]),
        ];
        for (name, value, expected) in table {
            let mut handover = handover();
            assert!(handover.take(&[(name, value)]));
            let places = handover.named.places.iter();
            let found: Vec<_> = places
                .map(|(number, rest)| format!("{number}:{}", rest.escape_ascii()))
                .collect();
            assert_eq!(found, expected, "{name} {}", value.escape_ascii());
        }
        let mut handover = handover();
        assert!(!handover.take(&[("Location", b"/protected/a")]));
        let both: [(&str, &[u8]); 2] = [("X-Sendfile", b"/srv/all/a"), ("X-Accel-Redirect", b"/b")];
        assert!(handover.take(&both));
        assert_eq!(handover.named.places, [(0, b"b".to_vec())]);
    }

    #[test]
    fn fields_of_the_server_are_kept() {
        let received: [(&str, &[u8]); 12] = [
            ("Content-Type", b"application/pdf"),
            ("Content-Disposition", b"attachment"),
            ("Set-Cookie", b"a"),
            ("Set-Cookie", b"b"),
            ("Vary", b"Cookie"),
            ("Content-Length", b"5"),
            ("ETag", b"\"server's\""),
            ("Content-Encoding", b"gzip"),
            ("X-Accel-Redirect", b"/a"),
            ("Connection", b"x-hop"),
            ("X-Hop", b"1"),
            ("X-Frame-Options", b"DENY"),
        ];
        let own = |status: u16| {
            Response::new("file")
                .with_status(StatusCode::from_u16(status).unwrap())
                .with_header("content-type", "text/plain")
                .with_header("etag", "\"file's\"")
                .with_header("vary", "Accept-Encoding")
        };
        // Status, Content-Type, whether there is Content-Disposition and X-Frame-Options.
        for (status, content_type, has_disposition, has_others) in [
            (200, "application/pdf", true, true),
            (206, "application/pdf", true, true),
            (304, "text/plain", false, true),
            (416, "text/plain", false, false),
        ] {
            let mut handover = handover();
            assert!(handover.take(&received));
            let response = handover.named.complete(own(status));
            let fields = response.headers();
            assert_eq!(fields["content-type"], content_type, "{status}");
            assert_eq!(fields["etag"], "\"file's\"", "{status}");
            let has = |name: &str| fields.contains_key(name);
            assert_eq!(has("content-disposition"), has_disposition, "{status}");
            assert_eq!(has("x-frame-options"), has_others, "{status}");
            assert!(!has("content-encoding") && !has("x-hop") && !has("x-accel-redirect"));
            let all = |name: &str| fields.get_all(name).iter().count();
            assert_eq!(
                (all("set-cookie"), all("content-length")),
                (2, 0),
                "{status}"
            );
            assert_eq!(all("vary"), 1 + usize::from(has_others), "{status}");
        }
        for status in [301, 404, 403, 500] {
            assert!(!is_sendable(&own(status)), "{status}");
        }
    }
}
