//! What an error says: which step failed, at which address, after how long; and what to try.

use super::{Error, FailedAttempt, InvalidRedirect, NotRetried, TlsFailure, WrongPart};
use http::StatusCode;
use std::fmt;
use std::io;
use std::time::Duration;

impl Error {
    /// Returns something to try, as a phrase for the line behind the message; `None` if nothing is
    /// known that would help.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Error::Url { .. } => "write it as http://host:port/path",
            Error::Scheme { .. } => "use http:// or https://",
            Error::Feature { .. } => "compile tinyhttp-client with that feature",
            Error::Status { status, .. } => status_hint(*status),
            Error::Proxies { .. } => {
                "correct http_proxy, https_proxy or all_proxy, or go without: --noproxy '*'"
            }
            Error::Request { .. } => "take line breaks and control bytes out of fields and URL",
            Error::Resolve { source, .. } if source.kind() == io::ErrorKind::AddrNotAvailable => {
                "ip link lists the interfaces; a zone is the name or the number of one"
            }
            Error::Resolve { .. } => "check the spelling of the host and the name server",
            Error::Connect { attempts, .. } => {
                let refused = |attempt: &FailedAttempt| {
                    attempt.source.kind() == io::ErrorKind::ConnectionRefused
                };
                if attempts.iter().all(refused) {
                    "nothing listens there: is the server running, and is that its port?"
                } else {
                    "check the network, the address and the firewall"
                }
            }
            Error::Interface { .. } => "check the name of the interface, or the address",
            Error::ConnectUnix { .. } => "is the server running, and may you use its socket?",
            Error::Proxy { .. } => "check the proxy, and the user and password for it",
            Error::Tls { failure, .. } => match failure {
                TlsFailure::Handshake => "that port may not speak TLS: try http://…",
                TlsFailure::Refused => {
                    "it may speak other versions of TLS only, or want a certificate of this client"
                }
                TlsFailure::Certificate => {
                    "trust the issuer of the server's certificate, if you know it"
                }
                TlsFailure::Name => {
                    "use a name that the certificate has; or this is not the server that you expect"
                }
                TlsFailure::Dates => {
                    "check this machine's clock; if it is right, the server's owner has to renew it"
                }
                TlsFailure::Pin => "this may not be the server that you expect",
                TlsFailure::Roots => "name a file of certificates to trust",
                TlsFailure::Identity => "check the files of the client's certificate and key",
                TlsFailure::Options | TlsFailure::TimedOut => "check the options",
            },
            Error::Timeout { .. } => "raise the timeout, or try again later",
            Error::Send {
                not_retried: Some(_),
                ..
            }
            | Error::NoResponse {
                not_retried: Some(_),
                ..
            } => "the server may have processed it: check before you send it again",
            Error::Send { .. } => "the server may refuse content of that size; try again",
            Error::Content { .. } => "check the file that is being sent",
            Error::Receive { .. } | Error::Incomplete { .. } => {
                "try again; a download can be resumed"
            }
            Error::NoResponse { .. } => "that port may speak TLS: try https://…",
            Error::NotHttp { start, .. } => other_protocol(start),
            Error::Protocol { .. } => {
                "look at the raw response; the server, or a proxy before it, is broken"
            }
            Error::Part { .. } => "ask for the whole, without a range",
            Error::TooManyRedirects { .. } => "look for a loop, or raise the limit",
            Error::Redirect { reason, .. } => match reason {
                InvalidRedirect::Content => "send content that can be read again: a file, or bytes",
                InvalidRedirect::Plain => "plain HTTP can be read and changed on the way",
                _ => "the server is wrong about that",
            },
            Error::Decode { .. } => "ask for the content without a coding",
            Error::Json { .. } => "look at the content: it may be a page that explains an error",
            Error::Bomb { .. } => "take the content as it is sent, if you trust the server",
            Error::TooLarge { .. } => "read it as a stream, or raise the limit",
            Error::NotText => return None,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Url { url, source } => write!(f, "{url:?} is not a URL: {source}"),
            Error::Scheme { scheme } => write!(f, "the scheme {scheme:?} is not supported"),
            Error::Feature { what, feature } => write!(
                f,
                "{what} needs the feature `{feature}` of tinyhttp-client, which is not compiled in"
            ),
            Error::Status {
                status,
                reason,
                url,
            } => {
                let reason = match reason.as_str() {
                    "" => status.canonical_reason().unwrap_or_default(),
                    reason => reason,
                };
                write!(f, "{} {reason}: {url}", status.as_u16())
            }
            Error::Proxies { source } => write!(f, "{source}"),
            Error::Request { source } => write!(f, "this request can't be sent: {source}"),
            Error::Resolve {
                host,
                is_proxy,
                elapsed,
                source,
            } => {
                let after = Took(*elapsed);
                let host = if *is_proxy {
                    format!("the proxy {host}")
                } else {
                    host.clone()
                };
                write!(
                    f,
                    "could not find the address of {host} ({after}): {}",
                    Reason(source)
                )
            }
            Error::Connect {
                host,
                attempts,
                elapsed,
            } => {
                write!(f, "could not connect to {host} ({})", Took(*elapsed))?;
                list(f, attempts)
            }
            Error::Interface { source } => {
                write!(f, "could not connect from there: {}", Reason(source))
            }
            Error::ConnectUnix { peer, source } => {
                write!(f, "could not connect to {peer}: {}", Reason(source))
            }
            Error::Proxy { proxy, source, .. } => {
                write!(
                    f,
                    "the proxy {proxy} made no connection: {}",
                    Reason(source)
                )
            }
            Error::Tls {
                host,
                peer,
                elapsed,
                reason,
                ..
            } => write!(
                f,
                "no secure connection to {host} at {peer} ({}): {reason}",
                Took(*elapsed)
            ),
            Error::Timeout {
                timeout,
                limit,
                phase,
                peer,
                attempts,
            } => {
                let limit = Took(*limit);
                write!(f, "the {timeout} timeout of {limit} ran out while {phase}")?;
                if let Some(peer) = peer {
                    write!(f, " ({peer})")?;
                }
                list(f, attempts)
            }
            Error::Send {
                peer,
                elapsed,
                source,
                not_retried,
            } => {
                let after = Took(*elapsed);
                write!(
                    f,
                    "could not send the request to {peer} ({after}): {}",
                    Reason(source)
                )?;
                without_retry(f, not_retried.as_ref())
            }
            Error::Content { source } => {
                write!(
                    f,
                    "could not read the content to be sent: {}",
                    Reason(source)
                )
            }
            Error::Receive {
                peer,
                elapsed,
                received,
                source,
            } => {
                let (after, reason) = (Took(*elapsed), Reason(source));
                let place = match received {
                    0 => "before any content came".to_owned(),
                    received => format!("after {received} bytes of content"),
                };
                write!(
                    f,
                    "the connection to {peer} broke {place} ({after}): {reason}"
                )
            }
            Error::NoResponse {
                peer,
                elapsed,
                source,
                not_retried,
            } => {
                let after = Took(*elapsed);
                match source {
                    None => write!(
                        f,
                        "{peer} closed the connection without a response ({after})"
                    )?,
                    Some(source) => write!(
                        f,
                        "the connection to {peer} broke before any response came ({after}): {}",
                        Reason(source)
                    )?,
                }
                without_retry(f, not_retried.as_ref())
            }
            Error::Protocol { peer, source } => {
                write!(
                    f,
                    "the response from {peer} is not valid HTTP/1.1: {source}"
                )
            }
            Error::NotHttp { peer, start } => {
                let start = String::from_utf8_lossy(start);
                write!(
                    f,
                    "the response from {peer} is not valid HTTP/1.1: the start line is malformed: {start:?}"
                )
            }
            Error::Incomplete {
                peer,
                received,
                expected: Some(expected),
            } => write!(
                f,
                "{peer} closed the connection after {received} of {expected} bytes of content"
            ),
            Error::Incomplete { peer, received, .. } => write!(
                f,
                "{peer} closed the connection after {received} bytes, before the end of the content"
            ),
            Error::Part { reason } => part(f, reason),
            Error::TooManyRedirects { limit, location } => {
                write!(
                    f,
                    "more than {limit} redirects; the next leads to {location}"
                )
            }
            Error::Redirect { location, reason } => {
                let reason = match reason {
                    InvalidRedirect::NotUrl => "that is not a URL",
                    InvalidRedirect::Scheme => "only http and https are followed",
                    InvalidRedirect::Plain => "only https is to be followed",
                    InvalidRedirect::Content => {
                        "the content was read already and can't be sent again"
                    }
                };
                write!(f, "can't follow the redirect to {location}: {reason}")
            }
            Error::Json { source } => {
                write!(
                    f,
                    "the content is not the expected JSON: {}",
                    Reason(source)
                )
            }
            Error::Decode { source } => {
                write!(f, "the content can't be decoded: {}", Reason(source))
            }
            Error::Bomb { decoded } => write!(
                f,
                "the content unfolds without end: {decoded} bytes so far, far more than was sent"
            ),
            Error::TooLarge { limit } => write!(f, "the content is longer than {limit} bytes"),
            Error::NotText => f.write_str("the content is not UTF-8"),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, attempts: &[FailedAttempt]) -> fmt::Result {
    for (index, attempt) in attempts.iter().enumerate() {
        let separator = if index == 0 { ": " } else { "; " };
        write!(
            f,
            "{separator}{}: {}",
            attempt.address,
            Reason(&attempt.source)
        )?;
    }
    Ok(())
}

fn without_retry(f: &mut fmt::Formatter<'_>, why: Option<&NotRetried>) -> fmt::Result {
    match why {
        None => Ok(()),
        Some(NotRetried::NotIdempotent(method)) => {
            write!(f, "; {method} is not idempotent, so it was not sent again")
        }
        Some(NotRetried::ContentIsGone) => {
            f.write_str("; its content can be read only once, so it was not sent again")
        }
    }
}

fn part(f: &mut fmt::Formatter<'_>, reason: &WrongPart) -> fmt::Result {
    match reason {
        WrongPart::NotAsked => {
            f.write_str("the server sent a part (206), although the whole was asked for")
        }
        WrongPart::Unlabelled => {
            f.write_str("the server sent a part (206) without saying which: no Content-Range")
        }
        WrongPart::Another { got } => {
            write!(f, "the server sent another part than was asked for: {got}")
        }
        WrongPart::Length {
            announced,
            sent: Some(sent),
        } => write!(
            f,
            "the server announced a part of {announced} bytes and sent {sent}"
        ),
        WrongPart::Length { announced, .. } => write!(
            f,
            "the server announced a part of {announced} bytes and sent more"
        ),
    }
}

/// What to try after a response with an error status.
fn status_hint(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "log in: the server wants a user and a password",
        403 => "this user may not do that",
        404 | 410 => "check the path of the URL",
        405 => "the Allow field of the response lists the methods",
        429 | 503 => "try again later; Retry-After may say when",
        500.. => "the fault is the server's; try again later",
        _ => "look at the content of the response",
    }
}

/// Which protocol begins like that, and what to try.
fn other_protocol(start: &[u8]) -> &'static str {
    let known: &[(&[u8], &str)] = &[
        (
            b"SSH-",
            "that port speaks SSH: check the number of the port",
        ),
        (
            b"220",
            "that port speaks SMTP or FTP: check the number of the port",
        ),
        (
            b"* OK",
            "that port speaks IMAP: check the number of the port",
        ),
        (
            b"+OK",
            "that port speaks POP3: check the number of the port",
        ),
        (
            b"-ERR",
            "that port speaks Redis or POP3: check the number of the port",
        ),
        (
            b"RFB ",
            "that port speaks VNC: check the number of the port",
        ),
        (b"ICY ", "that is a stream of SHOUTcast, which isn't HTTP"),
        // Alerts and handshakes of TLS.
        (b"\x15\x03", "that port may speak TLS: try https://…"),
        (b"\x16\x03", "that port may speak TLS: try https://…"),
        // The first frame of a server that speaks HTTP/2 only.
        (
            b"\0\0",
            "that port may speak HTTP/2 only, which isn't spoken here",
        ),
    ];
    known
        .iter()
        .find(|(prefix, _)| start.starts_with(prefix))
        .map_or(
            "check the number of the port: that server doesn't speak HTTP",
            |(_, hint)| hint,
        )
}

/// An error of the system, without the number behind it.
pub(crate) struct Reason<'e>(pub(crate) &'e io::Error);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        match text.split_once(" (os error ") {
            Some((reason, _)) => f.write_str(reason),
            None => f.write_str(&text),
        }
    }
}

/// A duration for people: `340 µs`, `12 ms`, `3.2 s`.
struct Took(Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds >= 1.0 {
            // A whole number of seconds is written as one.
            let digits = usize::from(self.0.subsec_millis() > 0);
            write!(f, "{seconds:.digits$} s")
        } else if seconds >= 0.001 {
            write!(f, "{:.0} ms", seconds * 1e3)
        } else {
            write!(f, "{:.0} µs", seconds * 1e6)
        }
    }
}
