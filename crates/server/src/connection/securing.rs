//! Connections of a listener that speaks HTTPS: the handshake, and requests that came the wrong
//! way.
//!
//! The first byte tells what the client speaks: a handshake record begins with 22 (RFC 8446 §5.1),
//! a request with a letter. Until it has come, there is no TLS state. The handshake then has the
//! deadline of a head, however it arrives.

use super::turn::Turn;
use super::{Connection, State, Step};
use crate::body::Body;
use crate::deadline::Waiting;
use crate::listen::Role;
use crate::response::Response;
use crate::tls::{ClientCertificate, Handshake};
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use http::{StatusCode, Uri};
use std::io::{self, ErrorKind};
use tinyhttp_message::RequestHead;

impl Connection {
    /// Continues to secure the connection. The state is to be set in each case.
    pub(super) fn secure(&mut self, turn: &mut Turn<'_>) -> Step {
        self.state = State::Securing;
        if !self.transport.is_secured() {
            match self.transport.first_byte() {
                Ok(Some(letter)) if letter.is_ascii_alphabetic() => {
                    self.role = Role::Redirect(None);
                    self.state = State::Reading;
                    return Step::Look;
                }
                Ok(Some(_)) => {}
                Ok(None) => return Step::Close,
                Err(error) => return self.await_handshake(&error),
            }
            let secured = turn.env.tls.as_ref().map(|tls| self.transport.secured(tls));
            match secured {
                Some(Ok(secured)) => self.transport = secured,
                Some(Err(error)) => {
                    log::error!("{}: TLS can't begin: {error}", self.remote);
                    return Step::Close;
                }
                None => return Step::Close,
            }
            self.deadline = turn.deadline(Waiting::Head);
        }
        match self.transport.handshake() {
            Ok(Handshake::Done) if self.transport.is_challenge() => {
                match self.transport.shutdown_write() {
                    Ok(()) => self.linger_from_now(turn),
                    Err(_) => Step::Close,
                }
            }
            Ok(Handshake::Done) => {
                self.state = State::Reading;
                self.deadline = turn.deadline(Waiting::First);
                Step::Look
            }
            Ok(Handshake::NeedsInput) => self.await_handshake(&ErrorKind::WouldBlock.into()),
            Ok(Handshake::Yielded | Handshake::NeedsRoom) => {
                self.read_all = false;
                Step::Park
            }
            Err(error) => {
                log::debug!("{}: the TLS handshake failed: {error}", self.remote);
                // The client may not have read the alert that says why.
                if error.kind() != ErrorKind::InvalidData
                    || self.transport.shutdown_write().is_err()
                {
                    return Step::Close;
                }
                self.linger_from_now(turn)
            }
        }
    }

    /// Waits for more bytes after receiving failed like this.
    fn await_handshake(&mut self, error: &io::Error) -> Step {
        match error.kind() {
            ErrorKind::WouldBlock => {
                (self.read_all, self.ended) = (true, false);
                Step::Park
            }
            ErrorKind::Interrupted => {
                self.read_all = false;
                Step::Park
            }
            _ => Step::Close,
        }
    }

    /// Answers a request that is not for the handler: one that came over HTTP although the server
    /// speaks HTTPS, or over a connection that was made for another host, or a challenge of an ACME
    /// server. Returns whether it was one.
    pub(super) fn misdirects(&mut self, head: &RequestHead<'_>, turn: &mut Turn<'_>) -> bool {
        if self.role == Role::Plain {
            return false;
        }
        if self.answers_challenge(head, turn) {
            return true;
        }
        let authority = match head.target.authority() {
            Some(authority) => Some(authority),
            None => head.fields.get("host").and_then(as_text),
        };
        if let Role::Redirect(port) = self.role {
            self.redirect(head, authority, port, turn);
            return true;
        }
        if !self.transport.is_secured() {
            return false;
        }
        let is_http = head.target.authority().is_some() && !head.target.is_https();
        let is_other = authority.is_some_and(|authority| {
            let (host, _) = host_and_port(authority);
            !self.transport.is_for(host)
        });
        if is_http || is_other {
            let explanation = "This connection was made for another host, or another scheme.";
            self.respond_with_error(StatusCode::MISDIRECTED_REQUEST, explanation, turn);
        }
        is_http || is_other
    }

    /// Answers a request with which an ACME server verifies a name, however it came: such servers
    /// don't trust certificates, but follow redirects (RFC 8555 §8.3). Returns whether it was one.
    fn answers_challenge(&mut self, head: &RequestHead<'_>, turn: &mut Turn<'_>) -> bool {
        let path = head.target.as_str();
        let answer = turn.env.tls.as_ref();
        let Some(text) = answer.and_then(|tls| tls.challenge_response(path)) else {
            return false;
        };
        let mut response = http::Response::new(Body::from(text));
        let kind = HeaderValue::from_static("application/octet-stream");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        let arrived = turn.arrival();
        let mut record = self.record(head, arrived, turn);
        self.respond(Response::from(response), record.as_mut(), turn);
        true
    }

    /// Redirects a request to HTTPS. Its method and content stay the same (RFC 9110 §15.4.9).
    fn redirect(
        &mut self,
        head: &RequestHead<'_>,
        authority: Option<&str>,
        port: Option<u16>,
        turn: &mut Turn<'_>,
    ) {
        let target = head.target.to_uri().unwrap_or_default();
        let location = authority
            .filter(|authority| !authority.is_empty())
            .and_then(|authority| location(authority, port, &target));
        let Some(location) = location else {
            let explanation = "This server speaks HTTPS: use https:// instead of http://.";
            return self.respond_with_error(StatusCode::BAD_REQUEST, explanation, turn);
        };
        let text = [b"This server speaks HTTPS: ", location.as_bytes(), b"\n"].concat();
        let mut response = http::Response::new(Body::from(text));
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        let fields = response.headers_mut();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        fields.insert(LOCATION, location);
        let arrived = turn.arrival();
        let mut record = self.record(head, arrived, turn);
        self.respond(Response::from(response), record.as_mut(), turn);
    }

    /// The certificate that the client has proved to own.
    pub(crate) fn client_certificate(&self) -> Option<ClientCertificate> {
        self.transport.certificate()
    }
}

/// Where a request goes instead.
fn location(authority: &str, port: Option<u16>, target: &Uri) -> Option<HeaderValue> {
    let (host, _) = host_and_port(authority);
    let authority = match port {
        None => authority.to_owned(),
        Some(443) => host.to_owned(),
        Some(port) => format!("{host}:{port}"),
    };
    let path = target.path_and_query().map_or("/", |path| path.as_str());
    let path = match path.starts_with('/') {
        true => path,
        // OPTIONS * asks about the server as a whole.
        false => "/",
    };
    HeaderValue::try_from(format!("https://{authority}{path}")).ok()
}

/// The host of an authority, with the brackets of an IPv6 address, and the port behind its colon.
fn host_and_port(authority: &str) -> (&str, &str) {
    let end_of_host = authority.find(']').map_or(0, |at| at + 1);
    match authority[end_of_host..].find(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(end_of_host + colon);
            (host, &port[1..])
        }
        None => (authority, ""),
    }
}

fn as_text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_requests_are_redirected() {
        let table = "
            a.example - /x?y => https://a.example/x?y
            a.example:8443 - / => https://a.example:8443/
            a.example:80 443 / => https://a.example/
            a.example 8443 /a%20b => https://a.example:8443/a%20b
            [::1] 8443 / => https://[::1]:8443/
            [::1]:80 443 / => https://[::1]/
            [::1]:80 - * => https://[::1]:80/
            a - http://b/c?d => https://a/c?d
        ";
        for (case, expected) in table::cases(table) {
            let ([authority, port, target], _) = table::words(case);
            let port = port.parse().ok();
            let target: Uri = target.parse().unwrap();
            let got = location(authority, port, &target).unwrap();
            assert_eq!(got, expected, "{case}");
        }
    }
}
