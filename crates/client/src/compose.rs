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
            for (name, value) in &self.fields {
                head.field(name, value)?;
            }
            if self.close {
                head.field("Connection", b"close")?;
            }
            if self.expect_continue {
                head.field("Expect", b"100-continue")?;
            }
            Ok(())
        };
        protocol.request(
            self.method,
            &self.target,
            self.version,
            self.length,
            out,
            fields,
        )
    }
}

/// Puts together what is sent, to the server or to a proxy that passes it on.
pub(crate) fn compose<'r>(
    request: &'r Request,
    config: &'r Config,
    forward: Option<&Proxy>,
) -> Outbound<'r> {
    let given = &request.fields;
    let mut fields: Vec<(&str, Cow<'_, [u8]>)> = Vec::with_capacity(given.len() + 4);
    let mut add = |name: &'static str, known: &HeaderName, value: Option<Cow<'r, [u8]>>| {
        if let Some(value) = value.filter(|_| !given.contains_key(known)) {
            fields.push((name, value));
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
    // One field holds all cookies (RFC 6265 §5.4).
    let cookies = cookies(request, config);
    let is_left_out = |name: &HeaderName| is_framing_field(name) || name == header::COOKIE;
    for (name, value) in given.iter().filter(|(name, _)| !is_left_out(name)) {
        fields.push((name.as_str(), value.as_bytes().into()));
    }
    if let Some(cookies) = cookies {
        fields.push(("Cookie", cookies.into()));
    }
    Outbound {
        method: &request.method,
        target: match forward {
            Some(_) => request.absolute_target().into(),
            None => request.target().into(),
        },
        version: request.version,
        length: request.body.announced(),
        fields,
        close: request.close,
        expect_continue: request.expect_continue && !request.body.is_empty(),
    }
}

/// The cookies that the request brings itself, and behind them those of the jar.
fn cookies(request: &Request, config: &Config) -> Option<Vec<u8>> {
    let given = request.fields.get_all(header::COOKIE).iter();
    let mut all: Vec<Vec<u8>> = given.map(|value| value.as_bytes().to_owned()).collect();
    #[cfg(feature = "cookies")]
    all.extend(
        config
            .cookies
            .as_ref()
            .and_then(|jar| jar.for_url(&request.url)),
    );
    #[cfg(not(feature = "cookies"))]
    let _ = config;
    (!all.is_empty()).then(|| all.join(b"; ".as_slice()))
}
