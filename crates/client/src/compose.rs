//! What goes into a request's head: the fields that were given, and those that the client adds.

#[cfg(feature = "cookies")]
use crate::cookies::Jar;
use crate::decode::accepted;
use crate::exchange::{Forward, Outbound};
use crate::login::Login;
use crate::request::Request;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::borrow::Cow;
#[cfg(feature = "cookies")]
use std::sync::Arc;
use tinyhttp_message::connection::is_framing_field;
use url::Position;

/// The fields that the client adds to requests.
pub(crate) struct ComposeOptions {
    pub(crate) user_agent: Option<HeaderValue>,
    /// Whether compressed content is asked for, and decoded.
    pub(crate) decodes: bool,
    #[cfg(feature = "cookies")]
    pub(crate) cookies: Option<Arc<Jar>>,
}

impl Default for ComposeOptions {
    fn default() -> Self {
        let name = concat!("tinyhttp/", env!("CARGO_PKG_VERSION"));
        ComposeOptions {
            user_agent: Some(HeaderValue::from_static(name)),
            decodes: true,
            #[cfg(feature = "cookies")]
            cookies: None,
        }
    }
}

/// Puts together what is sent, to the server or to a proxy that forwards it.
pub(crate) fn compose<'r>(
    request: &'r Request,
    options: &'r ComposeOptions,
    forward: Option<&'r Forward>,
) -> Outbound<'r> {
    let given = &request.fields;
    // One field holds all cookies (RFC 6265 §5.4).
    let is_left_out = |name: &HeaderName| {
        is_framing_field(name)
            || name == header::COOKIE
            || name == header::UPGRADE && request.upgrade.is_some()
    };
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
    let agent = options
        .user_agent
        .as_ref()
        .map(|name| name.as_bytes().into());
    add("User-Agent", &header::USER_AGENT, agent);
    let login = request
        .login
        .as_ref()
        .and_then(Login::field)
        .map(|value| value.as_bytes().into());
    add("Authorization", &header::AUTHORIZATION, login);
    // A part of coded content can't be decoded.
    let wants_whole = !given.contains_key(header::RANGE);
    let codings = accepted().filter(|_| options.decodes && wants_whole);
    let codings = codings.map(|value| value.as_bytes().to_vec().into());
    add("Accept-Encoding", &header::ACCEPT_ENCODING, codings);
    let login = forward.and_then(|forward| forward.authorization.as_ref());
    let login = login.map(|value| value.as_slice().into());
    add("Proxy-Authorization", &header::PROXY_AUTHORIZATION, login);
    if let Some(cookies) = cookies(request, options) {
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
        close: (request.close || closes(given)) && request.upgrade.is_none(),
        upgrade: request.upgrade.as_ref().map(HeaderValue::as_bytes),
        expect_continue: request.expect_continue && !request.body.is_empty(),
    }
}

/// Whether the given fields ask for the connection to be closed.
fn closes(given: &HeaderMap) -> bool {
    let values = given.get_all(header::CONNECTION).iter();
    let mut options = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
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
fn cookies(request: &Request, options: &ComposeOptions) -> Option<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    #[cfg(feature = "cookies")]
    all.extend(
        options
            .cookies
            .as_ref()
            .and_then(|jar| jar.for_url(&request.url_for_cookies())),
    );
    #[cfg(not(feature = "cookies"))]
    let _ = options;
    let given = request.fields.get_all(header::COOKIE).iter();
    all.extend(given.map(|value| value.as_bytes().to_owned()));
    (!all.is_empty()).then(|| all.join(b"; ".as_slice()))
}
