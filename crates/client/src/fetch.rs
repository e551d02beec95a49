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
#[cfg(feature = "digest")]
use crate::login::{Login, Request as DigestRequest, Session, Sessions};
use crate::origin::Origin;
use crate::part;
use crate::pool::Pool;
use crate::redirect::{Location, follow, location};
use crate::request::{Request, login};
use crate::response::Response;
use crate::retry::RetryPolicy;
use crate::stream::Stream;
use crate::timeouts::Timeout;
use crate::trace::{Event, Recorder};
#[cfg(any(feature = "cookies", feature = "digest"))]
use http::header;
use http::{HeaderMap, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use tinyhttp_message::{BodyLength, ClientConnection};

/// The most answers to challenges that a request gets: the nonce may become stale on the way.
#[cfg(feature = "digest")]
const MOST_ANSWERS: u32 = 3;

/// Makes fetches with one configuration and one pool of connections.
pub(crate) struct Fetcher {
    pub(crate) config: Config,
    pool: Arc<Pool>,
    #[cfg(feature = "digest")]
    sessions: Sessions,
}

/// The state of one fetch.
struct Fetch<'f> {
    fetcher: &'f Fetcher,
    request: Request,
    clock: Clock,
    recorder: Recorder,
    redirects: u32,
    /// Retries by the policy.
    retries: u32,
    /// Challenges that were answered since the last redirect.
    #[cfg(feature = "digest")]
    answers: u32,
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
        Fetcher {
            config,
            pool,
            #[cfg(feature = "digest")]
            sessions: Sessions::default(),
        }
    }

    /// The head of a request, as it would be sent straight to its server.
    pub(crate) fn preview(&self, mut request: Request) -> Result<Vec<u8>, Error> {
        request.add_defaults(&self.config.fields)?;
        let mut head = Vec::new();
        compose(&request, &self.config.compose, None)
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
    pub(crate) fn fetch(&self, mut request: Request) -> Result<Response, Error> {
        request.add_defaults(&self.config.fields)?;
        let clock = Clock::start(request.timeouts.unwrap_or(self.config.timeouts));
        let observer = request.observer.as_ref().or(self.config.observer.as_ref());
        let recorder = Recorder::new(observer.cloned());
        let fetch = Fetch {
            fetcher: self,
            request,
            clock,
            recorder,
            redirects: 0,
            retries: 0,
            #[cfg(feature = "digest")]
            answers: 0,
        };
        fetch.run()
    }
}

impl Fetch<'_> {
    fn run(mut self) -> Result<Response, Error> {
        let redirects = self.fetcher.config.redirects;
        let mut answers_challenge = false;
        loop {
            self.recorder.emit(&Event::Hop {
                method: &self.request.method,
                url: &self.request.url,
            });
            let origin = self.origin()?;
            if !answers_challenge {
                self.log_in(&origin);
            }
            let (head, exchange) = match self.expecting_exchange(&origin) {
                Ok(answer) => answer,
                Err(error) => {
                    self.wait_after_error(error)?;
                    answers_challenge = false;
                    continue;
                }
            };
            self.store_cookies(&head.fields);
            if head.status == StatusCode::SWITCHING_PROTOCOLS {
                return Ok(self.upgrade(head, exchange));
            }
            answers_challenge = self.answer_challenge(&origin, &head);
            let wait = match answers_challenge {
                true => Some(Duration::ZERO),
                false => self.wait_after_response(&head),
            };
            if let Some(wait) = wait {
                BodyReader::new(exchange, origin, self.fetcher.pool.clone()).drain();
                self.wait(wait);
                continue;
            }
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

    fn retry_policy(&self) -> Option<&RetryPolicy> {
        let own = self.request.retry.as_ref();
        own.or(self.fetcher.config.retry.as_ref())
    }

    /// The wait before the retry of a response by the policy; `None`: it is not retried.
    fn wait_after_response(&mut self, head: &Head) -> Option<Duration> {
        let policy = self
            .retry_policy()
            .filter(|policy| self.request.can_be_retried(policy, None))?;
        let wait = policy.after_response(head.status, &head.fields, self.retries)?;
        self.is_in_time(wait).then(|| {
            self.retries += 1;
            wait
        })
    }

    /// Waits for the retry of a failure by the policy.
    ///
    /// # Errors
    /// The failure, if it is not retried.
    fn wait_after_error(&mut self, error: Error) -> Result<(), Error> {
        let policy = self
            .retry_policy()
            .filter(|policy| self.request.can_be_retried(policy, Some(&error)));
        let wait = policy
            .and_then(|policy| policy.after_error(&error, self.retries))
            .filter(|wait| self.is_in_time(*wait));
        let Some(wait) = wait else {
            return Err(error);
        };
        self.retries += 1;
        self.wait(wait);
        Ok(())
    }

    /// Whether a wait ends before the total timeout.
    fn is_in_time(&self, wait: Duration) -> bool {
        let left = self.clock.deadline(Timeout::Total).left();
        left.is_none_or(|left| wait < left)
    }

    fn wait(&self, wait: Duration) {
        if !wait.is_zero() {
            self.recorder.emit(&Event::Backoff { wait });
            std::thread::sleep(wait);
        }
    }

    /// Answers the challenge that the origin sent for an earlier request.
    #[cfg(feature = "digest")]
    fn log_in(&mut self, origin: &Origin) {
        let target = self.request.target().to_owned();
        if let Some(Login::Digest { credentials, field }) = &mut self.request.login {
            let request = DigestRequest {
                method: &self.request.method,
                target: &target,
            };
            let sessions = &self.fetcher.sessions;
            *field = sessions.authorize(origin, credentials, &request);
        }
    }

    #[cfg(not(feature = "digest"))]
    fn log_in(&mut self, _: &Origin) {}

    /// Answers the challenge of a 401 response, if there is one that can be answered, and the
    /// password has not been refused already. Returns whether to make the request again.
    #[cfg(feature = "digest")]
    fn answer_challenge(&mut self, origin: &Origin, head: &Head) -> bool {
        let can_be_made_again = head.status == StatusCode::UNAUTHORIZED
            && !self.request.fields.contains_key(header::AUTHORIZATION)
            && self.request.body.can_be_sent();
        let target = self.request.target().to_owned();
        let Some(Login::Digest { credentials, field }) = &mut self.request.login else {
            return false;
        };
        let session = Session::of(&head.fields).filter(|_| can_be_made_again);
        let Some(mut session) = session else {
            return false;
        };
        let is_new = self.answers == 0 || session.is_stale() && self.answers < MOST_ANSWERS;
        if !is_new {
            self.fetcher.sessions.remove(origin);
            return false;
        }
        let request = DigestRequest {
            method: &self.request.method,
            target: &target,
        };
        *field = session.authorize(credentials, &request);
        self.answers += 1;
        self.fetcher.sessions.insert(origin.clone(), session);
        true
    }

    #[cfg(not(feature = "digest"))]
    fn answer_challenge(&mut self, _: &Origin, _: &Head) -> bool {
        false
    }

    /// The response after which the connection carries another protocol.
    fn upgrade(self, head: Head, exchange: Exchange) -> Response {
        let (transport, peer, received) = exchange.into_upgraded();
        let stream = Stream::new(transport, peer, self.clock, received);
        let content = Content::nothing(self.clock.deadline(Timeout::Total));
        Response::new(head, self.request.url, self.recorder, content).upgraded(stream)
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
        #[cfg(feature = "digest")]
        {
            self.answers = 0;
        }
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
