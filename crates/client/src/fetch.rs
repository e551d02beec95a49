//! One fetch, from its URL to the final response's head: the loop over redirects and retries, and
//! within it the choice of a connection.

use crate::compose::compose;
use crate::config::Config;
use crate::connect::Dialer;
use crate::content::{BodyReader, Content};
use crate::credentials::hide_passwords;
use crate::deadline::Clock;
use crate::decode::codings;
use crate::error::Error;
use crate::exchange::{Connection, Exchange, ExchangeError, Head};
use crate::origin::Origin;
use crate::part;
use crate::pool::Pool;
use crate::redirect::{Location, follow, location};
use crate::request::{Request, login};
use crate::response::Response;
use crate::timeouts::Timeout;
use crate::trace::{Event, Recorder};
#[cfg(feature = "cookies")]
use http::header;
use http::{HeaderMap, StatusCode};
use std::sync::Arc;
use tinyhttp_message::{BodyLength, ClientConnection};

/// Makes fetches with one configuration and one pool of connections.
pub(crate) struct Fetcher {
    pub(crate) config: Config,
    pool: Arc<Pool>,
}

/// The state of one fetch.
struct Fetch<'f> {
    fetcher: &'f Fetcher,
    request: Request,
    clock: Clock,
    recorder: Recorder,
    redirects: u32,
}

/// The result of one exchange.
enum Attempt {
    /// A final response.
    Answered(Box<(Head, Exchange)>),
    /// The connection ended before the first byte of a response.
    Unanswered(Error),
    Failed(Error),
}

impl Fetcher {
    pub(crate) fn new(config: Config) -> Self {
        let pool = Arc::new(Pool::new(config.pool));
        Fetcher { config, pool }
    }

    /// The head of a request, as it would be sent straight to its server.
    pub(crate) fn preview(&self, request: &Request) -> Result<Vec<u8>, Error> {
        let mut head = Vec::new();
        compose(request, &self.config.compose, None)
            .write(
                &mut ClientConnection::new(self.config.grammar.limits),
                &mut head,
            )
            .map_err(|source| Error::Request { source })?;
        Ok(head)
    }

    /// Opens connections until the clock's deadlines.
    pub(crate) fn dialer<'d>(&'d self, clock: Clock, recorder: &'d Recorder) -> Dialer<'d> {
        Dialer {
            options: &self.config.connect,
            grammar: self.config.grammar,
            user_agent: self.config.compose.user_agent.as_ref(),
            clock,
            recorder,
        }
    }

    /// Makes a request, follows redirects, and returns when the final response's head has arrived.
    pub(crate) fn fetch(&self, request: Request) -> Result<Response, Error> {
        let clock = Clock::start(request.timeouts.unwrap_or(self.config.timeouts));
        let observer = request.observer.as_ref().or(self.config.observer.as_ref());
        let recorder = Recorder::new(observer.cloned());
        let fetch = Fetch {
            fetcher: self,
            request,
            clock,
            recorder,
            redirects: 0,
        };
        fetch.run()
    }
}

impl Fetch<'_> {
    fn run(mut self) -> Result<Response, Error> {
        let redirects = self.fetcher.config.redirects;
        loop {
            self.recorder.emit(&Event::Hop {
                method: &self.request.method,
                url: &self.request.url,
            });
            let origin = self.origin()?;
            let (head, exchange) = self.expecting_exchange(&origin)?;
            self.store_cookies(&head.fields);
            let next = location(&self.request, head.status, &head.fields, redirects);
            let body = BodyReader::new(exchange, origin, self.fetcher.pool.clone());
            match next.filter(|_| redirects.follows()) {
                Some(next) => {
                    let next = next?;
                    self.check_limit(&next)?;
                    body.drain();
                    self.follow(head.status, next)?;
                }
                None => return self.finish(head, body),
            }
        }
    }

    fn origin(&self) -> Result<Origin, Error> {
        let Request { url, zone, .. } = &self.request;
        Origin::in_zone(url, zone.as_deref()).ok_or_else(|| Error::Scheme {
            scheme: url.scheme().to_owned(),
        })
    }

    fn check_limit(&self, next: &Location) -> Result<(), Error> {
        if self.redirects == self.fetcher.config.redirects.limit {
            return Err(Error::TooManyRedirects {
                limit: self.redirects,
                location: hide_passwords(next.url.as_str()),
            });
        }
        Ok(())
    }

    /// Turns the request into the one that follows a redirect.
    fn follow(&mut self, status: StatusCode, next: Location) -> Result<(), Error> {
        self.redirects += 1;
        let config = &self.fetcher.config;
        let login = login(config.logins.as_ref(), &next.url);
        follow(&mut self.request, status, next, login, config.redirects)?;
        self.recorder.emit(&Event::Redirect {
            status,
            // User and password have been taken out of this URL.
            location: &self.request.url,
        });
        Ok(())
    }

    #[cfg(feature = "cookies")]
    fn store_cookies(&self, fields: &HeaderMap) {
        if let Some(jar) = &self.fetcher.config.compose.cookies {
            let url = self.request.url_for_cookies();
            for value in fields.get_all(header::SET_COOKIE) {
                jar.store(&url, value.as_bytes());
            }
        }
    }

    #[cfg(not(feature = "cookies"))]
    fn store_cookies(&self, _: &HeaderMap) {}

    /// The final response.
    fn finish(self, head: Head, body: BodyReader) -> Result<Response, Error> {
        let has_content = head.length != BodyLength::Empty;
        let codings = if self.fetcher.config.compose.decodes && has_content {
            codings(&head.fields)?
        } else {
            Vec::new()
        };
        let sent = &self.request.fields;
        let part = part::announced(sent, head.status, &head.fields, head.length)?;
        let total = self.clock.deadline(Timeout::Total);
        let content = Content::new(body.expecting(part), head.length, codings, total);
        Ok(Response::new(
            head,
            self.request.url,
            self.recorder,
            content,
        ))
    }

    /// Makes the exchange, and once more without `Expect: 100-continue` if the server refuses that
    /// (RFC 9110 §15.5.18).
    fn expecting_exchange(&mut self, origin: &Origin) -> Result<(Head, Exchange), Error> {
        let (head, exchange) = self.exchange(origin)?;
        let is_retried = head.status == StatusCode::EXPECTATION_FAILED
            && self.request.expect_continue
            && self.request.body.can_be_sent();
        if !is_retried {
            return Ok((head, exchange));
        }
        self.request.expect_continue = false;
        BodyReader::new(exchange, origin.clone(), self.fetcher.pool.clone()).drain();
        self.exchange(origin)
    }

    /// Sends the request over a kept connection, or a new one, and reads the response's head.
    fn exchange(&mut self, origin: &Origin) -> Result<(Head, Exchange), Error> {
        if let Some(connection) = self.fetcher.pool.take(origin) {
            self.recorder.emit(&Event::Reused {
                peer: &connection.peer,
                exchanges: connection.exchanges,
            });
            match self.attempt(connection) {
                Attempt::Answered(answer) => return Ok(*answer),
                Attempt::Failed(error) => return Err(error),
                Attempt::Unanswered(error) => match self.request.why_not_retried() {
                    None => self.recorder.emit(&Event::Retry),
                    Some(why) => return Err(error.without_retry(why)),
                },
            }
        }
        let dialer = self.fetcher.dialer(self.clock, &self.recorder);
        let connection = dialer.connect(origin)?;
        match self.attempt(connection) {
            Attempt::Answered(answer) => Ok(*answer),
            Attempt::Unanswered(error) | Attempt::Failed(error) => Err(error),
        }
    }

    /// Sends the request over a connection, and reads the response's head.
    fn attempt(&mut self, connection: Connection) -> Attempt {
        let source = match self.request.body.open() {
            Ok(source) => source,
            Err(source) => return Attempt::Failed(Error::Content { source }),
        };
        let options = &self.fetcher.config.compose;
        let forward = connection.forward.clone();
        let outbound = compose(&self.request, options, forward.as_ref());
        let recorder = self.recorder.clone();
        let begun = Exchange::begin(connection, &outbound, source, self.clock, recorder);
        let mut exchange = match begun {
            Ok(exchange) => exchange,
            Err(error) => return Attempt::Failed(error),
        };
        match exchange.receive_head() {
            Ok(head) => Attempt::Answered(Box::new((head, exchange))),
            Err(ExchangeError { error, unanswered }) if unanswered => Attempt::Unanswered(error),
            Err(ExchangeError { error, .. }) => Attempt::Failed(error),
        }
    }
}
