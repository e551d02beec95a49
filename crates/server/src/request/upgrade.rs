//! A request that switches to another protocol.

use super::Request;
use crate::body::Upgraded;
use crate::page::error_page;
use crate::response::Response;
use crate::upgrade::Upgrade;
use http::{Method, StatusCode, Version};

impl Request<'_> {
    /// Whether the client offers to switch to this protocol (RFC 9110 §7.8), such as `websocket`.
    #[must_use]
    pub fn offers_upgrade(&self, protocol: &str) -> bool {
        let lists = |field: &'static str, token: &str| {
            self.field_values(field)
                .flat_map(|value| value.split(|byte| *byte == b','))
                .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
        };
        // HTTP/1.0 can't upgrade: its Upgrade is ignored.
        self.version() == Version::HTTP_11
            && lists("upgrade", protocol)
            && lists("connection", "upgrade")
    }

    /// Switches to another protocol: a 101, after which `run` has the socket, on a thread that it
    /// may block. The connection ends when `run` returns.
    ///
    /// As many clients can be upgraded at a time as there may be threads
    /// ([`Builder::max_threads`](crate::Builder::max_threads)); more get a 503. A request that does
    /// not offer the protocol gets a 426 that names it, and one whose content has not been received
    /// a 400.
    ///
    /// A protocol may need further fields: [`Response::with_header`] adds them to the 101.
    ///
    /// For `websocket`, the handshake is checked (RFC 6455 §4.2.1): another version than 13 gets a
    /// 426 with `Sec-WebSocket-Version: 13`, and a request with another method than GET, or without
    /// one Sec-WebSocket-Key of 16 bytes in Base64, a 400. With the feature `websocket`, the 101
    /// has the Sec-WebSocket-Accept that confirms it (§4.2.2). A crate such as `tungstenite` reads
    /// and writes the messages.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use tinyhttp_server::{Request, Response};
    ///
    /// /// Sends back what it receives.
    /// fn echo(request: Request<'_>) -> Response {
    ///     request.upgrade("echo", |mut socket| {
    ///         let mut buffer = [0; 1024];
    ///         while let Ok(length @ 1..) = socket.read(&mut buffer) {
    ///             if socket.write_all(&buffer[..length]).is_err() {
    ///                 break;
    ///             }
    ///         }
    ///     })
    /// }
    /// # let _ = echo;
    /// ```
    #[must_use]
    pub fn upgrade(
        self,
        protocol: &'static str,
        run: impl FnOnce(Upgraded) + Send + 'static,
    ) -> Response {
        let upgrade = Upgrade::new(protocol, run);
        let is_websocket = protocol.eq_ignore_ascii_case("websocket");
        if !self.offers_upgrade(protocol) || is_websocket && !self.speaks_version_13() {
            let response = upgrade.required();
            return match is_websocket {
                true => response.with_header("sec-websocket-version", "13"),
                false => response,
            };
        }
        let key = is_websocket.then(|| self.websocket_key());
        if key == Some(None) {
            let explanation = "A WebSocket begins with GET and one valid Sec-WebSocket-Key.";
            return error_page(StatusCode::BAD_REQUEST, explanation).into();
        }
        if self.body.length() != Some(0) {
            let explanation = "A request that switches protocols can't have content.";
            return error_page(StatusCode::BAD_REQUEST, explanation).into();
        }
        #[cfg(feature = "websocket")]
        if let Some(key) = key.flatten() {
            let accept = confirmation(key);
            return Response::from(upgrade).with_header("sec-websocket-accept", accept);
        }
        upgrade.into()
    }

    /// Whether Sec-WebSocket-Version is 13, the only version there is (RFC 6455 §4.1).
    fn speaks_version_13(&self) -> bool {
        let mut versions = self.field_values("sec-websocket-version");
        let is_13 = versions
            .next()
            .is_some_and(|value| value.trim_ascii() == b"13");
        is_13 && versions.next().is_none()
    }

    /// The key of a WebSocket's handshake, if the request has its method, too (RFC 6455 §4.2.1).
    fn websocket_key(&self) -> Option<&[u8]> {
        let mut keys = self.field_values("sec-websocket-key");
        // Of 16 bytes in Base64, the last character stands for two bits.
        let is_key = |key: &&[u8]| match key {
            [text @ .., last, b'=', b'='] => {
                let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
                text.len() == 21 && text.iter().all(is_base64) && b"AQgw".contains(last)
            }
            _ => false,
        };
        let key = keys.next().map(<[u8]>::trim_ascii).filter(is_key)?;
        (keys.next().is_none() && *self.method() == Method::GET).then_some(key)
    }
}

/// Sec-WebSocket-Accept for this key (RFC 6455 §4.2.2).
#[cfg(feature = "websocket")]
fn confirmation(key: &[u8]) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use sha1::{Digest, Sha1};
    let hash = Sha1::new().chain_update(key);
    BASE64_STANDARD.encode(
        hash.chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
            .finalize(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The status of the response, and its Upgrade and Sec-WebSocket-Version.
    fn respond(protocol: &'static str, method: &str, fields: &str) -> String {
        let request = http::Request::builder().method(method).uri("/");
        let request = fields
            .split(" | ")
            .filter_map(|field| field.split_once(": "))
            .fold(request, |request, (name, value)| {
                request.header(name, value)
            });
        let request = Request::from(request.body(()).unwrap());
        let response = request.upgrade(protocol, |_| {});
        let field = |name: &str| {
            let value = response.headers().get(name);
            value
                .map_or("-", |value| value.to_str().unwrap())
                .to_owned()
        };
        let status = response.status().as_u16();
        format!(
            "{status} {} {}",
            field("upgrade"),
            field("sec-websocket-version")
        )
    }

    #[test]
    fn handshakes_of_websockets() {
        const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
        let offer = "Upgrade: WebSocket | Connection: keep-alive, Upgrade";
        let version = "Sec-WebSocket-Version: 13";
        let key = format!("Sec-WebSocket-Key: {KEY}");
        let required = "426 websocket 13";
        let table = [
            (format!("{offer} | {version} | {key}"), "101 websocket -"),
            (format!("{version} | {key}"), required),
            (format!("Upgrade: websocket | {version} | {key}"), required),
            (format!("{offer} | {key}"), required),
            (
                format!("{offer} | Sec-WebSocket-Version: 8 | {key}"),
                required,
            ),
            (
                format!("{offer} | Sec-WebSocket-Version: 13, 8 | {key}"),
                required,
            ),
            (format!("{offer} | {version} | {version} | {key}"), required),
            (format!("{offer} | {version}"), "400 - -"),
            (format!("{offer} | {version} | {key} | {key}"), "400 - -"),
            (
                format!("{offer} | {version} | Sec-WebSocket-Key: "),
                "400 - -",
            ),
            (
                format!("{offer} | {version} | {}", key.replace("==", "=")),
                "400 - -",
            ),
            (
                format!("{offer} | {version} | {}", key.replace("dGhl", "")),
                "400 - -",
            ),
            (
                format!("{offer} | {version} | {}", key.replace("dGhl", "d-hl")),
                "400 - -",
            ),
            (
                format!("{offer} | {version} | {}", key.replace("Q==", "R==")),
                "400 - -",
            ),
            (format!("{offer} | {version} | {key}AAAA"), "400 - -"),
        ];
        for (fields, want) in table {
            assert_eq!(respond("websocket", "GET", &fields), want, "{fields}");
        }
        let all = format!("{offer} | {version} | {key}");
        assert_eq!(respond("websocket", "POST", &all), "400 - -");
        // Without the feature, the handler adds the confirmation.
        let accept = {
            let builder = http::Request::get("/").header("upgrade", "websocket");
            let builder = builder.header("connection", "upgrade");
            let builder = builder.header("sec-websocket-version", "13");
            let request = builder.header("sec-websocket-key", KEY).body(()).unwrap();
            let response = Request::from(request).upgrade("websocket", |_| {});
            response.headers().get("sec-websocket-accept").cloned()
        };
        // The example of RFC 6455 §1.3.
        let want = cfg!(feature = "websocket").then_some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(accept.as_ref().map(|accept| accept.to_str().unwrap()), want);
        // Other protocols have rules of their own.
        let echo = "Upgrade: echo | Connection: Upgrade";
        assert_eq!(respond("echo", "POST", echo), "101 echo -");
        assert_eq!(respond("echo", "GET", offer), "426 echo -");
    }
}
