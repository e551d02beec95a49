//! One fetch from its URL to the final response's head: the loop over redirects, and within it the
//! choice of a connection.

use crate::body::Body;
use crate::compose::compose;
use crate::config::{ClientBuilder, Config};
use crate::credentials::hide_passwords;
use crate::deadline::{Clock, Timeout, Timeouts};
use crate::decode::codings;
use crate::dial::{addresses, dial};
use crate::error::Error;
use crate::exchange::{Broken, Connection, Exchange, Head};
use crate::origin::Origin;
use crate::part;
use crate::pool::Pool;
use crate::redirect::{follow, location};
use crate::request::{Request, RequestBuilder};
use crate::response::{Content, Response, Wire};
use crate::trace::{Event, Recorder};
#[cfg(feature = "cookies")]
use http::header;
use http::{HeaderValue, Method, StatusCode};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use tinyhttp_message::{BodyLength, ClientConnection};
use url::{Host, Url};

/// Makes requests, and keeps connections for the next ones.
///
/// It is cheap to clone; clones share the connections. It may be used from several threads at once.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    config: Config,
    pool: Pool,
}

impl Client {
    /// A client with the defaults of [`ClientBuilder`].
    #[must_use]
    pub fn new() -> Self {
        Client::with(Config::default())
    }

    /// A client to be set up.
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    pub(crate) fn with(config: Config) -> Self {
        Client(Arc::new(Shared {
            config,
            pool: Pool::default(),
        }))
    }

    /// A request with any method.
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        RequestBuilder::new(self.clone(), method, url)
    }

    /// A GET request: the representation, please (RFC 9110 §9.3.1).
    pub fn get(&self, url: &str) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// A HEAD request: what GET would answer, without the content (RFC 9110 §9.3.2).
    pub fn head(&self, url: &str) -> RequestBuilder {
        self.request(Method::HEAD, url)
    }

    /// A POST request: do something with this content (RFC 9110 §9.3.3).
    pub fn post(&self, url: &str) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    /// A PUT request: let this be the representation (RFC 9110 §9.3.4).
    pub fn put(&self, url: &str) -> RequestBuilder {
        self.request(Method::PUT, url)
    }

    /// A DELETE request (RFC 9110 §9.3.5).
    pub fn delete(&self, url: &str) -> RequestBuilder {
        self.request(Method::DELETE, url)
    }

    /// Makes a request that was put together with the `http` crate. Its URI has to be absolute.
    ///
    /// # Errors
    /// As [`RequestBuilder::send`].
    pub fn send(&self, request: http::Request<Body>) -> Result<Response, Error> {
        self.fetch(request.try_into()?)
    }

    /// The addresses of a host, in the order in which they would be tried; the port is only put
    /// beside each.
    ///
    /// # Errors
    /// [`Error::Resolve`], and [`Error::Timeout`].
    pub fn resolve(&self, host: &Host<String>, port: u16) -> Result<Vec<SocketAddr>, Error> {
        let clock = Clock::start(self.0.config.timeouts);
        addresses(&self.0.config, host, port, clock)
    }

    /// The head of a request, as it would be sent straight to its server.
    pub(crate) fn preview(&self, request: &Request) -> Result<Vec<u8>, Error> {
        let mut head = Vec::new();
        compose(request, &self.0.config, None)
            .write(&mut ClientConnection::new(self.0.config.limits), &mut head)
            .map_err(|source| Error::Request { source })?;
        Ok(head)
    }

    /// The login that was configured for a URL.
    pub(crate) fn login(&self, url: &Url) -> Option<HeaderValue> {
        let logins = self.0.config.logins.as_ref()?;
        logins(url).map(|credentials| credentials.basic_value())
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        self.0.config.timeouts
    }

    pub(crate) fn fetch(&self, mut request: Request) -> Result<Response, Error> {
        let config = &self.0.config;
        let clock = Clock::start(request.timeouts.unwrap_or(config.timeouts));
        let observer = request.observer.as_ref().or(config.observer.as_ref());
        let recorder = Recorder::new(observer.cloned());
        let mut redirects = 0;
        loop {
            recorder.emit(&Event::Hop {
                method: &request.method,
                url: &request.url,
            });
            let Some(origin) = Origin::in_zone(&request.url, request.zone.as_deref()) else {
                return Err(Error::Scheme {
                    scheme: request.url.scheme().to_owned(),
                });
            };
            let (mut head, mut exchange) =
                self.exchange(&mut request, &origin, clock, &recorder)?;
            if head.status == StatusCode::EXPECTATION_FAILED
                && request.expect_continue
                && request.body.can_be_sent()
            {
                // Not every server knows the expectation; without it, it may take the content (RFC
                // 9110 §15.5.18).
                request.expect_continue = false;
                Wire::new(exchange, origin.clone(), self.clone()).drain();
                (head, exchange) = self.exchange(&mut request, &origin, clock, &recorder)?;
            }
            #[cfg(feature = "cookies")]
            if let Some(jar) = &config.cookies {
                let url = request.url_for_cookies();
                for value in head.fields.get_all(header::SET_COOKIE) {
                    jar.store(&url, value.as_bytes());
                }
            }
            let next = location(&request, head.status, &head.fields, config.redirects);
            let wire = Wire::new(exchange, origin, self.clone());
            let Some(next) = next.filter(|_| config.redirects.follows()) else {
                let has_content = head.length != BodyLength::Empty;
                let codings = if config.decodes && has_content {
                    codings(&head.fields)?
                } else {
                    Vec::new()
                };
                let part =
                    part::announced(&request.fields, head.status, &head.fields, head.length)?;
                let total = clock.deadline(Timeout::Total);
                let content = Content::new(wire.expecting(part), head.length, codings, total);
                return Ok(Response::new(head, request.url, recorder, content));
            };
            let next = next?;
            if redirects == config.redirects.limit {
                return Err(Error::TooManyRedirects {
                    limit: redirects,
                    location: hide_passwords(next.url.as_str()),
                });
            }
            redirects += 1;
            wire.drain();
            let login = self.login(&next.url);
            follow(&mut request, head.status, next, login, config.redirects)?;
            recorder.emit(&Event::Redirect {
                status: head.status,
                // Its user and password have been taken out by now.
                location: &request.url,
            });
        }
    }

    /// Sends the request over a kept connection, or a new one, and reads the response's head.
    fn exchange(
        &self,
        request: &mut Request,
        origin: &Origin,
        clock: Clock,
        recorder: &Recorder,
    ) -> Result<(Head, Exchange), Error> {
        let config = &self.0.config;
        if let Some(connection) = self.0.pool.take(origin, config.pool) {
            recorder.emit(&Event::Reused {
                peer: &connection.peer,
                exchanges: connection.exchanges,
            });
            match self.exchange_over(connection, request, clock, recorder) {
                Err(broken) if broken.unanswered => match request.why_not_repeated() {
                    None => recorder.emit(&Event::Stale),
                    Some(why) => return Err(broken.error.not_sent_again(why)),
                },
                result => return result.map_err(|broken| broken.error),
            }
        }
        let connection = dial(origin, config, clock, recorder)?;
        self.exchange_over(connection, request, clock, recorder)
            .map_err(|broken| broken.error)
    }

    fn exchange_over(
        &self,
        connection: Connection,
        request: &mut Request,
        clock: Clock,
        recorder: &Recorder,
    ) -> Result<(Head, Exchange), Broken> {
        let answered = |error| Broken {
            error,
            unanswered: false,
        };
        let source = request
            .body
            .open()
            .map_err(|source| answered(Error::Content { source }))?;
        let outbound = compose(request, &self.0.config, connection.forward.as_ref());
        let mut exchange = Exchange::begin(connection, &outbound, source, clock, recorder.clone())
            .map_err(answered)?;
        let head = exchange.receive_head()?;
        Ok((head, exchange))
    }

    /// Takes back the connection of an exchange that is over.
    pub(crate) fn recycle(&self, origin: &Origin, exchange: Exchange) {
        let limits = self.0.config.pool;
        if let Some(connection) = exchange.finish(limits.per_origin > 0) {
            self.0.pool.put(origin.clone(), connection, limits);
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Client::new()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
