//! What the process that orders does: it looks which certificates are due, orders them, keeps them,
//! and waits.

use super::certificate::{Issued, Request};
use super::error::{AcmeError, Scope};
use super::jws::AccountKey;
use super::link::to_answer;
use super::names::Identifier;
use super::network::Network;
use super::objects::{Challenge, Kind};
use super::order::{Order, Step};
use super::schedule::{self, Window};
use super::session::{Account, Session};
use super::settings::Settings;
use super::store::{Attempt, Attempts, Store};
use super::talk::Talk;
use chrono::{DateTime, Local};
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::HashMap;
use std::io;
use std::time::{Duration, SystemTime};

/// The longest time until the next look at what is due. The clock may be set while the process
/// waits.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// So many failures that the wait is the longest.
const MANY: u32 = 16;

/// The name that stands for the ACME server itself among what failed.
const SERVER: &str = "";

/// The process that orders.
pub(super) struct Worker {
    settings: Settings,
    store: Store,
    talk: Talk,
    attempts: Attempts,
    suggestions: HashMap<Identifier, Suggestion>,
}

/// When the ACME server suggests to renew one certificate.
struct Suggestion {
    /// The certificate.
    digest: [u8; 32],
    window: Option<Window>,
    next_look: SystemTime,
}

/// A conversation that is opened when it is needed.
type Conversation = Option<Session<Network>>;

impl Worker {
    pub(super) fn new(settings: Settings, talk: Talk) -> Self {
        Worker {
            store: Store::at(settings.store.clone()),
            settings,
            talk,
            attempts: Attempts::default(),
            suggestions: HashMap::new(),
        }
    }

    /// Orders for as long as the process runs.
    ///
    /// # Errors
    /// If the state directory can't be locked.
    pub(super) fn run(mut self) -> io::Result<()> {
        let _lock = self.lock()?;
        self.attempts = self.store.read_attempts();
        let latest = schedule::latest(SystemTime::now());
        let attempts = self.attempts.0.values_mut();
        attempts.for_each(|attempt| attempt.next = attempt.next.min(latest));
        loop {
            let next = self.round();
            let wait = next.duration_since(SystemTime::now()).unwrap_or_default();
            if self.talk.wait(wait.min(LONGEST_WAIT)) {
                log::info!("SIGHUP: certificates that failed are tried again");
                let attempts = self.attempts.0.values_mut();
                attempts.for_each(|attempt| attempt.next = SystemTime::now());
            }
        }
    }

    fn lock(&self) -> io::Result<Option<std::fs::File>> {
        let lock = self.store.try_lock()?;
        if lock.is_some() {
            return Ok(lock);
        }
        log::info!(
            "another process orders the certificates in {}; this server uses them, too",
            self.store.path().display()
        );
        self.store.lock()
    }

    /// Orders what is due, and returns when to look again.
    fn round(&mut self) -> SystemTime {
        let mut conversation = None;
        let mut wake = SystemTime::now() + LONGEST_WAIT;
        for name in self.settings.names.clone() {
            let issued = self.store.read_certificate(&name);
            let mut due = self.due(&name, issued.as_ref(), &mut conversation);
            if due <= SystemTime::now() {
                self.obtain(&name, issued.as_ref(), &mut conversation);
                let issued = self.store.read_certificate(&name);
                due = self.due(&name, issued.as_ref(), &mut conversation);
                if due <= SystemTime::now() {
                    due = self.pause(&name);
                }
            }
            wake = wake.min(due);
            let look = self.suggestions.get(&name);
            wake = look.map_or(wake, |look| wake.min(look.next_look));
        }
        wake
    }

    /// Has a certificate wait that was issued and is due again at once, so that it isn't ordered
    /// over and over. Returns for how long.
    fn pause(&mut self, name: &Identifier) -> SystemTime {
        log::warn!("{name}: its new certificate is due already; is this machine's clock right?");
        let next = self.note(&name.to_string(), MANY, None, None);
        if let Err(error) = self.keep() {
            log::error!("{error}");
        }
        next
    }

    /// When a certificate is to be ordered.
    fn due(
        &mut self,
        name: &Identifier,
        issued: Option<&Issued>,
        conversation: &mut Conversation,
    ) -> SystemTime {
        let now = SystemTime::now();
        let due = match issued {
            Some(issued) => self.renewal(name, issued, conversation),
            None => {
                // It was for a certificate that is gone.
                self.suggestions.remove(name);
                now
            }
        };
        let tried = [SERVER, &name.to_string()];
        let tried = tried.iter().filter_map(|name| self.attempts.0.get(*name));
        tried.map(|attempt| attempt.next).fold(due, SystemTime::max)
    }

    /// When a certificate is to be renewed: when the ACME server suggests, if it does.
    fn renewal(
        &mut self,
        name: &Identifier,
        issued: &Issued,
        conversation: &mut Conversation,
    ) -> SystemTime {
        let fraction = schedule::fraction(&issued.digest);
        let now = SystemTime::now();
        let known = self.suggestions.get(name);
        let known = known.filter(|known| known.digest == issued.digest && known.next_look > now);
        if known.is_none() {
            let suggestion = self.look(name, issued, conversation);
            self.suggestions.insert(name.clone(), suggestion);
        }
        let by_lifetime = schedule::by_lifetime(issued.not_before, issued.not_after, fraction);
        match self
            .suggestions
            .get(name)
            .and_then(|known| known.window.as_ref())
        {
            Some(window) => window.choose(fraction).min(issued.not_after),
            None => by_lifetime,
        }
    }

    /// Asks the ACME server when to renew a certificate.
    fn look(
        &self,
        name: &Identifier,
        issued: &Issued,
        conversation: &mut Conversation,
    ) -> Suggestion {
        // What is known stays if the ACME server can't be asked.
        let known = self.suggestions.get(name);
        let known = known.filter(|known| known.digest == issued.digest);
        let mut suggestion = Suggestion {
            digest: issued.digest,
            window: known.and_then(|known| known.window.clone()),
            next_look: SystemTime::now() + schedule::next_look(None),
        };
        let Some(id) = &issued.id else {
            return suggestion;
        };
        let mut ask = || -> Result<(), AcmeError> {
            let session = self.converse(conversation)?;
            let Some(url) = session.directory.renewal_info.clone() else {
                return Ok(());
            };
            let url = format!("{}/{id}", url.trim_end_matches('/'));
            let answer = session.get(&url, "no suggestion")?;
            suggestion.next_look = SystemTime::now() + schedule::next_look(answer.retry_after);
            suggestion.window = Window::read(&answer.object());
            Ok(())
        };
        if let Err(error) = ask() {
            log::debug!("{name}: the ACME server does not say when to renew: {error}");
        }
        if let Some(why) = suggestion
            .window
            .as_ref()
            .and_then(|it| it.explanation.as_deref())
        {
            log::info!("{name}: the ACME server explains when to renew its certificate at {why}");
        }
        suggestion
    }

    /// The conversation with the ACME server.
    fn converse<'c>(
        &self,
        conversation: &'c mut Conversation,
    ) -> Result<&'c mut Session<Network>, AcmeError> {
        match conversation {
            Some(session) => Ok(session),
            None => {
                let network = Network::new(self.settings.ca.as_deref());
                let account = self
                    .store
                    .read_account()
                    .map_err(|error| not_kept(&error))?;
                let account = match account {
                    Some(account) => account,
                    None => Account {
                        key: AccountKey::generate().ok_or_else(|| {
                            AcmeError::of_directory("the system has no randomness", "")
                        })?,
                        url: None,
                        email: None,
                    },
                };
                let session = Session::open(network, self.settings.directory.as_str(), account)?;
                Ok(conversation.insert(session))
            }
        }
    }

    /// Orders a certificate and keeps it, or notes the failure.
    fn obtain(
        &mut self,
        name: &Identifier,
        replaced: Option<&Issued>,
        conversation: &mut Conversation,
    ) {
        let key = name.to_string();
        let before = self.attempts.0.get(&key).cloned();
        let failures = before.as_ref().map_or(0, |before| before.failures);
        // Challenges alternate, because one of the ports may lead elsewhere.
        let failed = before.as_ref().and_then(|before| before.kind.as_deref());
        let mut kind = self.settings.kind;
        if failed == Some(kind.as_str()) {
            kind = kind.other();
        }
        // Noted before, so that a process that is ended and started again does not order again.
        self.note(
            &key,
            failures + 1,
            None,
            before.as_ref().and_then(|it| it.kind.clone()),
        );
        let obtained = match self.keep() {
            Ok(()) => self.order(name, &mut kind, replaced, conversation),
            Err(error) => Err(error),
        };
        let error = match obtained {
            Ok(issued) => {
                self.attempts.0.remove(&key);
                self.attempts.0.remove(SERVER);
                self.told(name, &issued);
                if let Err(error) = self.keep() {
                    log::error!("{error}");
                }
                None
            }
            Err(error) => Some(error),
        };
        let Some(error) = error else { return };
        let (noted, failures) = match error.scope {
            Scope::Name => (&key[..], failures + 1),
            Scope::Directory => {
                // It says nothing of the name.
                match before {
                    Some(before) => _ = self.attempts.0.insert(key.clone(), before),
                    None => _ = self.attempts.0.remove(&key),
                }
                let earlier = self.attempts.0.get(SERVER);
                (SERVER, earlier.map_or(0, |earlier| earlier.failures) + 1)
            }
        };
        let next = self.note(
            noted,
            failures,
            error.retry_after,
            Some(kind.as_str().to_owned()),
        );
        let kept = self.keep();
        log::error!(
            "no certificate for {name}: {error}; next try {}",
            written(next)
        );
        if let Err(error) = kept {
            log::error!("{error}");
        }
        if noted == SERVER {
            *conversation = None;
        }
    }

    /// Notes a failure, and returns when to try again.
    fn note(
        &mut self,
        name: &str,
        failures: u32,
        asked: Option<Duration>,
        kind: Option<String>,
    ) -> SystemTime {
        let mut random = [0; 4];
        // Without randomness, there is no jitter.
        let _ = SystemRandom::new().fill(&mut random);
        let wait = schedule::back_off(failures, asked, schedule::fraction(&random));
        let next = SystemTime::now() + wait;
        let attempt = Attempt {
            failures,
            next,
            kind,
        };
        self.attempts.0.insert(name.to_owned(), attempt);
        next
    }

    fn keep(&self) -> Result<(), AcmeError> {
        let kept = self.store.write_attempts(&self.attempts);
        kept.map_err(|error| not_kept(&error))
    }

    /// Says that a certificate was issued.
    fn told(&self, name: &Identifier, issued: &Issued) {
        let fraction = schedule::fraction(&issued.digest);
        let renewed = schedule::by_lifetime(issued.not_before, issued.not_after, fraction);
        log::info!(
            "{name} has a certificate until {}; it is renewed about {}",
            written(issued.not_after),
            written(renewed)
        );
    }

    /// Orders a certificate and keeps it.
    fn order(
        &mut self,
        name: &Identifier,
        kind: &mut Kind,
        replaced: Option<&Issued>,
        conversation: &mut Conversation,
    ) -> Result<Issued, AcmeError> {
        self.log_in(conversation)?;
        let replaces = replaced.and_then(|issued| issued.id.clone());
        let ordered = self.try_order(name, kind, replaces.clone(), conversation);
        let ordered = match ordered {
            Err(error) if error.is("accountDoesNotExist") => {
                self.converse(conversation)?.forget_account();
                self.log_in(conversation)?;
                self.try_order(name, kind, replaces, conversation)
            }
            // The ACME server may not know the certificate, or has replaced it already (RFC 9773
            // §5).
            Err(error)
                if replaces.is_some()
                    && ["alreadyReplaced", "malformed", "notFound"]
                        .iter()
                        .any(|kind| error.is(kind)) =>
            {
                self.try_order(name, kind, None, conversation)
            }
            ended => ended,
        };
        if let Err(error) = self.talk.answer(&to_answer(&[], &[])) {
            log::warn!("{name}: its challenges may still have responses: {error}");
        }
        let text = ordered?;
        let issued = Issued::read(name, &text).map_err(|why| {
            AcmeError::of_name(
                format!("the certificate that was issued can't be used: {why}"),
                "check this machine's clock",
            )
        })?;
        let written = self.store.write_certificate(name, &text);
        written.map_err(|error| not_kept(&error))?;
        Ok(issued)
    }

    /// Makes or finds the account, and keeps it.
    fn log_in(&self, conversation: &mut Conversation) -> Result<(), AcmeError> {
        let session = self.converse(conversation)?;
        // Kept before it is used: an account whose key is lost can't be used again.
        if session.account().url.is_none() {
            let kept = self.store.write_account(session.account());
            kept.map_err(|error| not_kept(&error))?;
        }
        if session.log_in(self.settings.email.as_deref())? {
            let terms = session.directory.terms.as_deref();
            log::info!(
                "an account was made or changed at {}; its terms of service: {}",
                self.settings.directory,
                terms.unwrap_or("none")
            );
            let kept = self.store.write_account(session.account());
            kept.map_err(|error| not_kept(&error))?;
        }
        Ok(())
    }

    /// Takes an order through its steps, and returns the key and its chain in PEM.
    fn try_order(
        &mut self,
        name: &Identifier,
        kind: &mut Kind,
        replaces: Option<String>,
        conversation: &mut Conversation,
    ) -> Result<String, AcmeError> {
        let request = Request::new(name)?;
        let session = self.converse(conversation)?;
        let offers_suggestions = session.directory.renewal_info.is_some();
        let mut order = Order::new(
            name.clone(),
            session.directory.new_order.clone(),
            request.der,
            *kind,
            replaces.filter(|_| offers_suggestions),
        );
        loop {
            let step = order.next();
            *kind = order.kind();
            log::debug!("{name}: {step}");
            match step {
                Step::Fetch(url) => {
                    let answer = session.fetch(&url, "the order got stuck")?;
                    order.received(&answer)?;
                }
                Step::Send(url, content) => {
                    match session.send(&url, &content, "the order was refused") {
                        Ok(answer) => order.received(&answer)?,
                        Err(error) if order.refused(&error) => log::debug!("{name}: {error}"),
                        Err(error) => return Err(error),
                    }
                }
                Step::Present(challenge) => {
                    let key = &session.account().key;
                    self.talk.answer(&answer_to(name, &challenge, key))?;
                    order.done();
                }
                Step::Wait(time) => {
                    std::thread::sleep(time);
                    order.done();
                }
                Step::Complete(chain) => return Ok(format!("{}{chain}", request.key_pem)),
            }
        }
    }
}

/// The line that has a challenge answered.
fn answer_to(name: &Identifier, challenge: &Challenge, key: &AccountKey) -> serde_json::Value {
    let text = key.key_authorization(&challenge.token);
    match challenge.kind {
        Kind::Http => to_answer(&[(challenge.token.clone(), text)], &[]),
        Kind::TlsAlpn => to_answer(&[], &[(name.to_string(), text)]),
    }
}

fn not_kept(error: &io::Error) -> AcmeError {
    AcmeError::of_directory(
        format!("the state directory can't be used: {error}"),
        "this user must be able to write there; STATE_DIRECTORY names another one",
    )
}

/// A time, as the log writes it.
fn written(time: SystemTime) -> String {
    let time: DateTime<Local> = time.into();
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    /// A suggestion for a certificate that is gone wakes the process no more.
    #[test]
    fn a_certificate_that_is_gone_is_not_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let (socket, theirs) = UnixStream::pair().unwrap();
        // When the socket ends, so does the process.
        std::mem::forget(theirs);
        let name: Identifier = "a.example".parse().unwrap();
        let settings = Settings {
            names: vec![name.clone()],
            directory: "https://127.0.0.1:1/".parse().unwrap(),
            email: None,
            ca: None,
            store: folder.path().to_owned(),
            kind: Kind::Http,
            is_sandboxed: false,
            log: (false, false, false),
        };
        let mut worker = Worker::new(settings, Talk::new(socket).unwrap());
        let now = SystemTime::now();
        let suggestion = Suggestion {
            digest: [0; 32],
            window: None,
            next_look: now - Duration::from_secs(1),
        };
        worker.suggestions.insert(name.clone(), suggestion);
        let attempt = Attempt {
            failures: 1,
            next: now + Duration::from_secs(1000),
            kind: None,
        };
        worker.attempts.0.insert(name.to_string(), attempt);
        let wake = worker.round();
        assert!(wake > now + Duration::from_secs(900));
    }
}
