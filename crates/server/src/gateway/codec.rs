//! The protocol that an upstream server speaks: how a request is written, and what received bytes
//! mean. Whatever the protocol is, what comes out is a response of HTTP, which is read as strictly
//! as any.

use super::cgi::Translator;
use super::fastcgi::{self, Decoder};
use super::scgi;
use super::variables::Variables;
use std::borrow::Cow;

/// The protocol of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http,
    /// FastCGI, on connections that are kept.
    FastCgi,
    /// SCGI.
    Scgi,
    /// The protocol of uWSGI, which gunicorn speaks, too.
    Uwsgi,
}

/// The state of one exchange in its protocol.
#[derive(Debug)]
pub(crate) enum Codec {
    Http,
    FastCgi(Box<(Decoder, Translator)>),
    /// The response ends with the connection.
    Cgi(Box<Translator>),
}

impl Codec {
    pub(crate) fn new(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Http => Codec::Http,
            Protocol::FastCgi => Codec::FastCgi(Box::default()),
            Protocol::Scgi | Protocol::Uwsgi => Codec::Cgi(Box::default()),
        }
    }

    /// Writes a piece of content.
    pub(crate) fn content(&self, piece: &[u8], out: &mut Vec<u8>) {
        match self {
            Codec::FastCgi(..) => fastcgi::content(piece, out),
            Codec::Http | Codec::Cgi(_) => out.extend_from_slice(piece),
        }
    }

    /// Writes the end of the content.
    pub(crate) fn end_of_content(&self, out: &mut Vec<u8>) {
        if let Codec::FastCgi(..) = self {
            fastcgi::end_of_content(out);
        }
    }

    /// Translates received bytes into those of a response of HTTP. `server` names the server in the
    /// log, where its error messages go.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn decode<'b>(
        &mut self,
        bytes: &'b [u8],
        server: &dyn std::fmt::Display,
    ) -> Result<Cow<'b, [u8]>, String> {
        match self {
            Codec::Http => Ok(Cow::Borrowed(bytes)),
            Codec::Cgi(translator) => translator
                .translate(bytes)
                .map_err(|error| error.to_string()),
            Codec::FastCgi(parts) => {
                let (decoder, translator) = &mut **parts;
                let decoded = decoder.decode(bytes).map_err(|error| error.to_string())?;
                if !decoded.errors.is_empty() {
                    log::warn!("{server}: {}", decoded.errors.escape_ascii());
                }
                let output = match decoded.output {
                    Cow::Borrowed(output) => translator.translate(output),
                    Cow::Owned(output) => {
                        let output = translator.translate(&output);
                        output.map(|output| Cow::Owned(output.into_owned()))
                    }
                };
                output.map_err(|error| error.to_string())
            }
        }
    }

    /// Whether the protocol itself says that the response has ended.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self, Codec::FastCgi(parts) if parts.0.has_ended())
    }

    /// Whether the end of the connection may be that of the response.
    pub(crate) fn may_end_with_connection(&self) -> bool {
        !matches!(self, Codec::FastCgi(..))
    }

    /// Whether the connection can be used again; `keeps` is what HTTP says.
    pub(crate) fn is_reusable(&self, keeps: bool) -> bool {
        match self {
            Codec::Http => keeps,
            Codec::FastCgi(parts) => parts.0.is_clean(),
            Codec::Cgi(_) => false,
        }
    }
}

/// Writes the environment of a request.
///
/// # Errors
/// If it is too long for the protocol.
pub(crate) fn write_environment(
    protocol: Protocol,
    content_length: u64,
    variables: &Variables,
    out: &mut Vec<u8>,
) -> Result<(), &'static str> {
    let mut length = itoa::Buffer::new();
    let length = length.format(content_length).as_bytes();
    let all = std::iter::once((&b"CONTENT_LENGTH"[..], length)).chain(variables.iter());
    match protocol {
        Protocol::Http => {}
        Protocol::FastCgi => fastcgi::begin(all, out),
        Protocol::Scgi => scgi::scgi(content_length, all, out),
        Protocol::Uwsgi => {
            scgi::uwsgi(all, out).map_err(|_| "the request is too long for uwsgi")?;
        }
    }
    Ok(())
}
