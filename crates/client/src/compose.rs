//! What goes into a request's head: the fields that were given, and those that the client adds.

use crate::config::Config;
use crate::credentials::Credentials;
use crate::decode::accepted;
use crate::proxy::Proxy;
use crate::request::Request;
use http::{HeaderName, Method, Version, header};
use std::borrow::Cow;
use tinyhttp_message::connection::{RequestContent, is_framing_field};
use tinyhttp_message::encode::HeadWriter;
use tinyhttp_message::{ClientConnection, ContentEncoder, MisuseError};
use url::Position;

/// What is asked, as it goes on the wire.
pub(crate) struct Outbound<'r> {
    pub(crate) method: &'r Method,
    pub(crate) target: Cow<'r, str>,
    pub(crate) version: Version,
    pub(crate) length: RequestContent,
    /// Every field but those of the framing, in order.
    pub(crate) fields: Vec<(&'r str, Cow<'r, [u8]>)>,
    /// Say `Connection: close`, and do.
    pub(crate) close: bool,
    /// Ask for `100 Continue`, and wait for it a while, before the content goes out.
    pub(crate) expect_continue: bool,
}

impl Outbound<'_> {
    /// Writes the head.
    pub(crate) fn write(
        &self,
        protocol: &mut ClientConnection,
        out: &mut Vec<u8>,
    ) -> Result<ContentEncoder, MisuseError> {
        let fields = |head: &mut HeadWriter<'_>| {
            for (name, value) in self.fields.iter().filter(|field| !is_form(field)) {
                head.field(name, value)?;
            }
            if self.close {
                head.field("Connection", b"close")?;
            }
            Ok(())
        };
        let start = out.len();
        let encoder = protocol.request(
            self.method,
            &self.target,
            self.version,
            self.length,
            out,
            fields,
        )?;
        // A form's type stands behind its length, as with curl, and the expectation last.
        let mut head = HeadWriter::reopen(out);
        let mut write_rest = || {
            for (name, value) in self.fields.iter().filter(|field| is_form(field)) {
                head.field(name, value)?;
            }
            if self.expect_continue {
                head.field("Expect", b"100-continue")?;
            }
            Ok(())
        };
        let written = write_rest();
        head.finish();
        if written.is_err() {
            out.truncate(start);
        }
        written.map(|()| encoder)
    }
}

/// Puts together what is sent, to the server or to a proxy that passes it on.
pub(crate) fn compose<'r>(
    request: &'r Request,
    config: &'r Config,
    forward: Option<&Proxy>,
) -> Outbound<'r> {
    let given = &request.fields;
    // One field holds all cookies (RFC 6265 §5.4).
    let is_left_out = |name: &HeaderName| is_framing_field(name) || name == header::COOKIE;
    let sent = given.iter().filter(|(name, _)| !is_left_out(name));
    let mut fields: Vec<(&str, Cow<'_, [u8]>)> = sent
        .map(|(name, value)| (name.as_str(), value.as_bytes().into()))
        .collect();
    fields.sort_by_key(|(name, _)| *name != header::HOST);
    if let Some(found) = fields.iter().position(|(name, _)| *name == header::RANGE) {
        let range = fields.remove(found);
        fields.insert(place(&fields, &header::RANGE), range);
    }
    let mut add = |name: &'static str, known: &HeaderName, value: Option<Cow<'r, [u8]>>| {
        if let Some(value) = value.filter(|_| !given.contains_key(known)) {
            fields.insert(place(&fields, known), (name, value));
        }
    };
    let host = &request.url[Position::BeforeHost..Position::AfterPort];
    add("Host", &header::HOST, Some(host.as_bytes().into()));
    let agent = config
        .user_agent
        .as_ref()
        .map(|name| name.as_bytes().into());
    add("User-Agent", &header::USER_AGENT, agent);
    let login = request
        .authorization
        .as_ref()
        .map(|value| value.as_bytes().into());
    add("Authorization", &header::AUTHORIZATION, login);
    // A part of coded content can't be decoded.
    let wants_whole = !given.contains_key(header::RANGE);
    let codings = accepted().filter(|_| config.decodes && wants_whole);
    let codings = codings.map(|value| value.as_bytes().to_vec().into());
    add("Accept-Encoding", &header::ACCEPT_ENCODING, codings);
    let login = forward.and_then(|proxy| proxy.credentials.as_ref());
    let login = login.map(|credentials| Credentials::basic(credentials).into_bytes().into());
    add("Proxy-Authorization", &header::PROXY_AUTHORIZATION, login);
    if let Some(cookies) = cookies(request, config) {
        let place = place(&fields, &header::COOKIE);
        fields.insert(place, ("Cookie", cookies.into()));
    }
    Outbound {
        method: &request.method,
        target: match forward {
            Some(_) => request.target_for_proxy().into(),
            None => request.target().into(),
        },
        version: request.version,
        length: request.body.announced(),
        fields,
        close: request.close,
        expect_continue: request.expect_continue && !request.body.is_empty(),
    }
}

/// Whether a field says that the content is a form.
fn is_form((name, value): &(&str, Cow<'_, [u8]>)) -> bool {
    let is_one =
        |kind: &[u8]| value.len() >= kind.len() && value[..kind.len()].eq_ignore_ascii_case(kind);
    name.eq_ignore_ascii_case("content-type")
        && (is_one(b"application/x-www-form-urlencoded") || is_one(b"multipart/form-data"))
}

/// The fields that a client adds, in the order in which curl sends them: Host first (RFC 9110
/// §7.2), conditions last.
const ORDER: [HeaderName; 14] = [
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::AUTHORIZATION,
    header::RANGE,
    header::CONTENT_RANGE,
    header::USER_AGENT,
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::REFERER,
    header::COOKIE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
];

/// Where a field belongs among those that are there: behind the fields at the beginning that come
/// before it in [`ORDER`].
fn place(fields: &[(&str, Cow<'_, [u8]>)], name: &HeaderName) -> usize {
    let rank = ORDER.iter().position(|other| other == name);
    let comes_before = |(other, _): &(&str, Cow<'_, [u8]>)| {
        let other = ORDER
            .iter()
            .position(|known| known.as_str().eq_ignore_ascii_case(other));
        other.is_some_and(|other| rank.is_none_or(|rank| other <= rank))
    };
    let first_other = fields.iter().position(|field| !comes_before(field));
    first_other.unwrap_or(fields.len())
}

/// The cookies of the jar, and behind them those that the request brings itself.
fn cookies(request: &Request, config: &Config) -> Option<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    #[cfg(feature = "cookies")]
    all.extend(
        config
            .cookies
            .as_ref()
            .and_then(|jar| jar.for_url(&request.url_for_cookies())),
    );
    #[cfg(not(feature = "cookies"))]
    let _ = config;
    let given = request.fields.get_all(header::COOKIE).iter();
    all.extend(given.map(|value| value.as_bytes().to_owned()));
    (!all.is_empty()).then(|| all.join(b"; ".as_slice()))
}
