//! Puts a request together.

use crate::body::Body;
use crate::credentials::Credentials;
use crate::error::Error;
use crate::fetch::Fetcher;
use crate::login::Login;
use crate::multipart::Multipart;
use crate::request::{Request, Target};
use crate::response::Response;
use crate::retry::RetryPolicy;
use crate::timeouts::Timeouts;
use crate::trace::Observer;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tinyhttp_message::MisuseError;

/// Puts a request together; [`RequestBuilder::send`] makes it and reports invalid parts.
///
/// ```no_run
/// # fn main() -> Result<(), tinyhttp_client::Error> {
/// let client = tinyhttp_client::Client::new();
/// let response = client
///     .put("http://127.0.0.1:8080/notes/1")
///     .field("Content-Type", "text/plain")
///     .body("remember the milk")
///     .send()?;
/// println!("{}", response.status());
/// # Ok(())
/// # }
/// ```
pub struct RequestBuilder {
    fetcher: Arc<Fetcher>,
    request: Result<Request, Error>,
}

impl RequestBuilder {
    pub(crate) fn new(fetcher: Arc<Fetcher>, method: Method, url: &str) -> Self {
        let request = Request::parse(method, url, fetcher.config.logins.as_ref());
        RequestBuilder { fetcher, request }
    }

    /// Adds a field. Fields of the same name are kept, in order; line breaks in a value are
    /// refused.
    ///
    /// `Content-Length`, `Transfer-Encoding` and `Connection` are left out of what is sent: the
    /// client writes them, to match what it does. `Connection: close` is as [`close`](Self::close).
    #[must_use]
    pub fn field(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.header(name, value.as_ref())
    }

    /// Adds a field, as [`RequestBuilder::field`], with names and values as the `http` crate has
    /// them.
    ///
    /// Invalid names and values are reported by [`RequestBuilder::send`] ([`Error::Request`]).
    ///
    /// ```
    /// use tinyhttp_client::http::{HeaderValue, header};
    ///
    /// let request = tinyhttp_client::get("http://127.0.0.1/")
    ///     .header("X-Trace", "1")
    ///     .header(header::ACCEPT, HeaderValue::from_static("text/plain"));
    /// let head = String::from_utf8(request.preview()?).unwrap();
    /// assert!(head.contains("X-Trace: 1\r\nAccept: text/plain\r\n"));
    /// # Ok::<(), tinyhttp_client::Error>(())
    /// ```
    #[must_use]
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let (name, value) = (name.try_into(), value.try_into());
        self.change(|request| {
            let name = name.map_err(|_| refused(MisuseError::InvalidFieldName))?;
            let value = value.map_err(|_| refused(MisuseError::InvalidFieldValue))?;
            request.fields.append(name, value);
            Ok(())
        })
    }

    /// Adds all fields of a map, those of the same name in their order; see [`Self::field`].
    #[must_use]
    pub fn headers(self, fields: &HeaderMap) -> Self {
        self.change(|request| {
            let added = fields.iter();
            let added = added.map(|(name, value)| (name.clone(), value.clone()));
            for (name, value) in added {
                request.fields.append(name, value);
            }
            Ok(())
        })
    }

    /// Adds a pair to the URL's query, encoded as in a form (WHATWG URL §5.2): a space becomes `+`.
    ///
    /// ```
    /// let request = tinyhttp_client::get("http://127.0.0.1/find?lang=en").query("q", "a b&c");
    /// let head = String::from_utf8(request.preview()?).unwrap();
    /// assert!(head.starts_with("GET /find?lang=en&q=a+b%26c HTTP/1.1\r\n"));
    /// # Ok::<(), tinyhttp_client::Error>(())
    /// ```
    #[must_use]
    pub fn query(self, name: &str, value: impl AsRef<str>) -> Self {
        self.change(|request| {
            let mut pairs = request.url.query_pairs_mut();
            pairs.append_pair(name, value.as_ref());
            Ok(())
        })
    }

    /// Sets the content to a form (`application/x-www-form-urlencoded`), with its `Content-Type`.
    ///
    /// ```
    /// let form = [("name", "Ada"), ("note", "a & b")];
    /// let request = tinyhttp_client::post("http://127.0.0.1/").form(form);
    /// let head = String::from_utf8(request.preview()?).unwrap();
    /// // name=Ada&note=a+%26+b
    /// assert!(head.contains("Content-Length: 21\r\n"));
    /// # Ok::<(), tinyhttp_client::Error>(())
    /// ```
    #[must_use]
    pub fn form<N, V>(self, pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(pairs);
        let content = form.finish();
        let media_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        self.content(media_type, content)
    }

    /// Sets the content to a form with files (RFC 7578), streamed, with its `Content-Type`. See
    /// [`Multipart`].
    #[must_use]
    pub fn multipart(self, form: Multipart) -> Self {
        self.content(form.content_type(), form.into_body())
    }

    /// Logs in with the scheme Basic (RFC 7617): user and password are sent with the request,
    /// readable for everyone on the way unless the URL is https. They don't follow redirects to
    /// other origins.
    ///
    /// ```
    /// let request = tinyhttp_client::get("http://127.0.0.1/");
    /// let request = request.basic_auth("Aladdin", "open sesame");
    /// let head = String::from_utf8(request.preview()?).unwrap();
    /// assert!(head.contains("Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
    /// # Ok::<(), tinyhttp_client::Error>(())
    /// ```
    #[must_use]
    pub fn basic_auth(self, user: impl Into<Vec<u8>>, password: impl Into<Vec<u8>>) -> Self {
        self.login(&Credentials::new(user, password))
    }

    /// Logs in with the scheme Digest (RFC 7616): answers the server's challenge, so that the
    /// password is never sent. See [`Credentials::with_digest`].
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// # let url = format!("http://{}/", listener.local_addr().unwrap());
    /// # let server = std::thread::spawn(move || {
    /// #     let challenge = "WWW-Authenticate: Digest realm=r, nonce=n, qop=auth\r\n";
    /// #     for (status, fields) in [("401 Unauthorized", challenge), ("200 OK", "")] {
    /// #         let (mut stream, _) = listener.accept().unwrap();
    /// #         stream.read(&mut [0; 1024]).unwrap();
    /// #         let end = "Content-Length: 0\r\nConnection: close\r\n\r\n";
    /// #         let head = format!("HTTP/1.1 {status}\r\n{fields}{end}");
    /// #         stream.write_all(head.as_bytes()).unwrap();
    /// #     }
    /// # });
    /// // The server's first response is 401, with a challenge; the second one is 200.
    /// let response = tinyhttp_client::get(&url).digest_auth("me", "secret").send()?;
    /// assert_eq!(response.status(), 200);
    /// let sent = String::from_utf8_lossy(&response.trace().hops[1].request.head).into_owned();
    /// assert!(sent.contains("Digest username=\"me\"") && !sent.contains("secret"));
    /// # server.join().unwrap();
    /// # Ok::<(), tinyhttp_client::Error>(())
    /// ```
    #[cfg(feature = "digest")]
    #[must_use]
    pub fn digest_auth(self, user: impl Into<Vec<u8>>, password: impl Into<Vec<u8>>) -> Self {
        self.login(&Credentials::new(user, password).with_digest())
    }

    fn login(self, credentials: &Credentials) -> Self {
        self.change(|request| {
            request.login = Some(Login::of(credentials));
            Ok(())
        })
    }

    /// Logs in with a token (RFC 6750). It does not follow redirects to other origins.
    ///
    /// ```
    /// let request = tinyhttp_client::get("http://127.0.0.1/").bearer_auth("abc");
    /// let head = String::from_utf8(request.preview()?).unwrap();
    /// assert!(head.contains("Authorization: Bearer abc\r\n"));
    /// # Ok::<(), tinyhttp_client::Error>(())
    /// ```
    #[must_use]
    pub fn bearer_auth(self, token: impl AsRef<str>) -> Self {
        let value = HeaderValue::try_from(format!("Bearer {}", token.as_ref()));
        self.change(|request| {
            let mut value = value.map_err(|_| refused(MisuseError::InvalidFieldValue))?;
            value.set_sensitive(true);
            request.login = Some(Login::Field(value));
            Ok(())
        })
    }

    /// Asks the server to switch to another protocol, such as `websocket` (RFC 9110 §7.8). If it
    /// does, the response has the status 101, and
    /// [`Response::into_upgraded`] returns the connection; otherwise the response is one like any
    /// other. Several protocols are separated by commas, the preferred
    /// one first. A 101 that names another protocol is an error.
    #[must_use]
    pub fn upgrade(self, protocol: &str) -> Self {
        let protocol = HeaderValue::try_from(protocol);
        self.change(|request| {
            let protocol = protocol.map_err(|_| refused(MisuseError::InvalidFieldValue))?;
            request.upgrade = Some(protocol);
            Ok(())
        })
    }

    /// Retries this request by that policy instead of the client's.
    #[must_use]
    pub fn retry(self, policy: RetryPolicy) -> Self {
        self.change(|request| {
            request.retry = Some(policy);
            Ok(())
        })
    }

    /// Sets the total timeout of this request, from the first look-up to the last byte of the
    /// content, redirects and retries included.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// # let url = format!("http://{}/", silent.local_addr().unwrap());
    /// let error = tinyhttp_client::get(&url)
    ///     .timeout(Duration::from_millis(50))
    ///     .send()
    ///     .unwrap_err();
    /// assert!(error.to_string().starts_with("the total timeout of 50 ms ran out"));
    /// ```
    #[must_use]
    pub fn timeout(self, limit: Duration) -> Self {
        self.timeouts(|timeouts| timeouts.total = Some(limit))
    }

    /// Sets the timeouts of this request for finding the host's addresses, for reaching one of them
    /// and for the handshake with it, each of them.
    #[must_use]
    pub fn connect_timeout(self, limit: Duration) -> Self {
        self.timeouts(|timeouts| timeouts.set_connect(limit))
    }

    /// Sets the timeout from the last byte of this request to the first one of the response.
    #[must_use]
    pub fn response_timeout(self, limit: Duration) -> Self {
        self.timeouts(|timeouts| timeouts.response = Some(limit))
    }

    /// Sets the timeout for a transfer during which no byte moves.
    #[must_use]
    pub fn stall_timeout(self, limit: Duration) -> Self {
        self.timeouts(|timeouts| timeouts.stall = Some(limit))
    }

    /// Sets the content and its type.
    fn content(self, media_type: HeaderValue, body: impl Into<Body>) -> Self {
        self.change(|request| {
            request.fields.insert(header::CONTENT_TYPE, media_type);
            request.body = body.into();
            Ok(())
        })
    }

    /// Sets the content. It replaces content that was set before, also by [`Self::form`], whose
    /// Content-Type stays.
    ///
    /// ```
    /// use tinyhttp_client::Body;
    ///
    /// // A known length is announced; anything else is sent in chunks (RFC 9112 §7.1).
    /// let known = tinyhttp_client::post("http://127.0.0.1/").body("hello");
    /// assert!(String::from_utf8_lossy(&known.preview()?).contains("Content-Length: 5\r\n"));
    /// let endless = Body::reader(std::io::repeat(0));
    /// let stream = tinyhttp_client::post("http://127.0.0.1/").body(endless);
    /// assert!(String::from_utf8_lossy(&stream.preview()?).contains("Transfer-Encoding: chunked"));
    /// # Ok::<(), tinyhttp_client::Error>(())
    /// ```
    #[must_use]
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.change(|request| {
            request.body = body.into();
            Ok(())
        })
    }

    /// Sets the request target, such as `*`, instead of the URL's path and query. Servers and
    /// proxies get exactly this text.
    #[must_use]
    pub fn target(self, target: impl Into<String>) -> Self {
        self.change(|request| {
            request.target = Target::Verbatim(target.into());
            Ok(())
        })
    }

    /// Sets the path and query, such as `/a/../b`, without normalising them. A proxy gets them
    /// behind the URL's scheme and host.
    #[must_use]
    pub fn path(self, path: impl Into<String>) -> Self {
        self.change(|request| {
            request.target = Target::Path(path.into());
            Ok(())
        })
    }

    /// Connects to the URL's IPv6 address in that zone: the name or number of a network interface.
    #[must_use]
    pub fn zone(self, zone: impl Into<String>) -> Self {
        self.change(|request| {
            request.zone = Some(zone.into());
            Ok(())
        })
    }

    /// Sets the version of HTTP: 1.1 unless set, or 1.0.
    #[must_use]
    pub fn version(self, version: Version) -> Self {
        self.change(|request| {
            request.version = version;
            Ok(())
        })
    }

    /// Sends `Connection: close`, and closes the connection after the response.
    #[must_use]
    pub fn close(self) -> Self {
        self.change(|request| {
            request.close = true;
            Ok(())
        })
    }

    /// Sends the content only after the server has sent `100 Continue`, or nothing for a second
    /// (RFC 9110 §10.1.1).
    #[must_use]
    pub fn expect_continue(self) -> Self {
        self.change(|request| {
            request.expect_continue = true;
            Ok(())
        })
    }

    /// Changes the timeouts of this request, which are those of the client otherwise.
    #[must_use]
    pub fn timeouts(self, change: impl FnOnce(&mut Timeouts)) -> Self {
        let defaults = self.fetcher.config.timeouts;
        self.change(|request| {
            let mut timeouts = request.timeouts.unwrap_or(defaults);
            change(&mut timeouts);
            request.timeouts = Some(timeouts);
            Ok(())
        })
    }

    /// Reports every step to that observer instead of the client's.
    #[must_use]
    pub fn observer(self, observer: Arc<dyn Observer>) -> Self {
        self.change(|request| {
            request.observer = Some(observer);
            Ok(())
        })
    }

    /// Sets the content to a value as JSON, with its `Content-Type`.
    #[cfg(feature = "json")]
    #[must_use]
    pub fn json(self, value: &impl serde::Serialize) -> Self {
        let bytes = serde_json::to_vec(value);
        let media_type = HeaderValue::from_static("application/json");
        match bytes {
            Ok(bytes) => self.content(media_type, bytes),
            Err(error) => self.change(|_| {
                Err(Error::Content {
                    source: error.into(),
                })
            }),
        }
    }

    /// Returns the request's head, as it would be sent straight to its server; nothing is sent.
    ///
    /// # Errors
    /// [`Error::Url`] and [`Error::Request`] for an invalid request.
    pub fn preview(self) -> Result<Vec<u8>, Error> {
        self.fetcher.preview(self.request?)
    }

    /// Makes the request, follows redirects, and returns when the head of the final response has
    /// arrived.
    ///
    /// # Errors
    /// The step that failed; a status code of 400 and more is a response, not an error.
    pub fn send(self) -> Result<Response, Error> {
        self.fetcher.fetch(self.request?)
    }

    fn change(mut self, change: impl FnOnce(&mut Request) -> Result<(), Error>) -> Self {
        if let Ok(request) = &mut self.request {
            if let Err(error) = change(request) {
                self.request = Err(error);
            }
        }
        self
    }
}

impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("RequestBuilder");
        if let Ok(request) = &self.request {
            debug
                .field("method", &request.method)
                .field("url", &request.url.as_str());
        }
        debug.finish_non_exhaustive()
    }
}

fn refused(source: MisuseError) -> Error {
    Error::Request { source }
}
