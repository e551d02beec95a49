//! Which response is compressed for the client of a request, and what changes with it.

use super::content::{lasting, whole};
use super::encoder::{Encoder, weight};
use crate::body::{Body, Content};
use crate::coding::{CODINGS, WORTHWHILE, is_compressible};
use crate::handler::Reply;
use crate::request::Request;
use crate::response::Response;
use crate::semaphore::Semaphore;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderValue, VARY,
};
use http::{Method, StatusCode};
use tinyhttp_message::conditional::EntityTag;
use tinyhttp_message::negotiate::{AcceptEncoding, Coding};

/// The longest content in memory that is compressed before its head is sent.
const AT_ONCE: usize = 128 * 1024;

/// Fields with a digest of the content (RFC 9530, and the obsolete RFC 3230 and RFC 1864).
const DIGESTS: [&str; 3] = ["content-digest", "digest", "content-md5"];

/// What a client accepts.
pub(super) struct Plan {
    /// The coding that suits it best.
    coding: Coding,
    /// The coding for content that may last for hours.
    lasting: Coding,
    is_head: bool,
    /// The values of If-None-Match.
    known: Vec<u8>,
    budget: Semaphore,
}

impl Plan {
    pub(super) fn of(request: &Request<'_>, budget: &Semaphore) -> Self {
        let accepted = AcceptEncoding::from_fields(request.field_values("accept-encoding"));
        let choose = |from: &[Coding]| accepted.choose(from).unwrap_or(Coding::Identity);
        let known: Vec<&[u8]> = request.field_values("if-none-match").collect();
        Plan {
            coding: choose(&CODINGS),
            lasting: choose(&[Coding::Gzip, Coding::Identity]),
            is_head: request.method() == Method::HEAD,
            known: known.join(&b", "[..]),
            budget: budget.clone(),
        }
    }

    /// The same reply with a compressed response.
    pub(super) fn apply(self, reply: Reply<'_>) -> Reply<'_> {
        match reply {
            Reply::Ready(response) if self.computes(&response) => {
                Reply::blocking(move || self.change(response))
            }
            Reply::Ready(response) => Reply::Ready(self.change(response)),
            // Compressing takes longer than the closure that has been quick.
            Reply::Blocking(work) => Reply::blocking(move || self.change(work.run())),
            Reply::Deferred(work) => Reply::Deferred(work.map(|reply| self.apply(reply))),
            Reply::Receive(receive) => {
                Reply::Receive(receive.and_then(move |reply| self.apply(reply)))
            }
            reply => reply,
        }
    }

    /// Whether the response takes long to compress before its head is sent.
    fn computes(&self, response: &Response) -> bool {
        self.coding != Coding::Identity
            && !self.is_head
            && matches!(response.body().content, Content::Bytes(_))
            && is_eligible(response)
    }

    /// The response as this client accepts it.
    fn change(self, mut response: Response) -> Response {
        if response.status() == StatusCode::NOT_MODIFIED {
            self.revalidate(response.headers_mut());
            return response;
        }
        if response.status() == StatusCode::PARTIAL_CONTENT && has_worthwhile_type(&response) {
            vary(response.headers_mut());
            return response;
        }
        if !is_eligible(&response) {
            return response;
        }
        vary(response.headers_mut());
        if let Some(coding) = self.compress(response.body_mut()) {
            let fields = response.headers_mut();
            let name = HeaderValue::from_static(coding.as_str());
            fields.insert(CONTENT_ENCODING, name);
            fields.remove(ACCEPT_RANGES);
            if let Some(weak) = fields.get(ETAG).and_then(weakened) {
                fields.insert(ETAG, weak);
            }
        }
        response
    }

    /// Compresses content, if that can be done for this client and at this moment.
    fn compress(&self, body: &mut Body) -> Option<Coding> {
        let lasts = matches!(body.content, Content::Channel(_));
        let coding = if lasts { self.lasting } else { self.coding };
        if coding == Coding::Identity {
            return None;
        }
        if self.is_head {
            // Its length is not known, as it would have to be compressed.
            body.content = Body::reader(std::io::empty(), None).content;
            return Some(coding);
        }
        let permit = self.budget.take(weight(coding))?;
        let encoder = Encoder::new(coding).ok()?;
        body.content = match std::mem::take(&mut body.content) {
            Content::Bytes(bytes) if bytes.len() <= AT_ONCE => match whole(&bytes, encoder) {
                Some(compressed) => Content::Bytes(compressed.into()),
                None => {
                    body.content = Content::Bytes(bytes);
                    return None;
                }
            },
            content => lasting(content, encoder, permit),
        };
        Some(coding)
    }

    /// A 304 has the fields that a 200 would have (RFC 9110 §15.4.5): the tag by which the client
    /// knows the content is the weak one, if it was compressed.
    fn revalidate(&self, fields: &mut HeaderMap) {
        let Some(weak) = fields.get(ETAG).and_then(weakened) else {
            return;
        };
        let mut known = EntityTag::list([&self.known[..]]);
        if known.any(|tag| tag.to_bytes() == weak.as_bytes()) {
            fields.insert(ETAG, weak);
            vary(fields);
        }
    }
}

/// Whether the response may be compressed, and that is worthwhile.
fn is_eligible(response: &Response) -> bool {
    let status = response.status();
    let has_content = !status.is_informational()
        && ![
            StatusCode::NO_CONTENT,
            StatusCode::RESET_CONTENT,
            StatusCode::PARTIAL_CONTENT,
            StatusCode::NOT_MODIFIED,
        ]
        .contains(&status);
    let body = response.body();
    let is_long = body.length().is_none_or(|length| length >= WORTHWHILE);
    if !has_content || !is_long || body.is_switch() {
        return false;
    }
    let fields = response.headers();
    let is_final = fields.contains_key(CONTENT_ENCODING)
        || fields.contains_key(CONTENT_RANGE)
        || DIGESTS.iter().any(|name| fields.contains_key(*name));
    !is_final && !forbids(fields) && has_worthwhile_type(response)
}

/// Whether Cache-Control has `no-transform`.
fn forbids(fields: &HeaderMap) -> bool {
    let mut directives = fields
        .get_all(CACHE_CONTROL)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    directives.any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
}

fn has_worthwhile_type(response: &Response) -> bool {
    let content_type = response.headers().get(CONTENT_TYPE);
    content_type.is_some_and(is_compressible)
}

/// The weak form of a strong entity tag.
fn weakened(etag: &HeaderValue) -> Option<HeaderValue> {
    let is_strong = etag.as_bytes().starts_with(b"\"");
    let weak = is_strong.then(|| [b"W/", etag.as_bytes()].concat())?;
    HeaderValue::from_bytes(&weak).ok()
}

/// Adds Accept-Encoding to Vary, unless it is there.
fn vary(fields: &mut HeaderMap) {
    let has_it = fields.get_all(VARY).iter().any(|value| {
        let mut names = value.as_bytes().split(|byte| *byte == b',');
        names.any(|name| {
            let name = name.trim_ascii();
            name == b"*" || name.eq_ignore_ascii_case(b"accept-encoding")
        })
    });
    if !has_it {
        fields.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
}
