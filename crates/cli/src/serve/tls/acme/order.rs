//! An order for a certificate (RFC 8555 §7.4), without a network: [`Order::next`] says what to do,
//! and [`Order::received`] and [`Order::done`] take the outcome.
//!
//! ```text
//! New ─▶ Authorizing ─▶ Presenting ─▶ Responding ─▶ Validating ─┐
//!            ▲  │                                               │
//!            └──┼───────────── next authorisation ◀─────────────┘
//!               ▼
//!           Finalizing ─▶ Issuing ─▶ Downloading ─▶ Complete
//! ```

use super::error::AcmeError;
use super::jws::base64url;
use super::names::Identifier;
use super::objects::{self, Authorization, Challenge, Kind};
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;

/// How long the ACME server may take for all of it.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// The shortest and the longest time between two looks.
const LEAST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(60);

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Fetch the resource, signed and without content (POST-as-GET).
    Fetch(String),
    /// Send this content to the resource.
    Send(String, Value),
    /// Make this server answer the challenge.
    Present(Challenge),
    /// Wait.
    Wait(Duration),
    /// Nothing: this is the certificate, in PEM.
    Complete(String),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Fetch(url) => write!(f, "fetch {url}"),
            Step::Send(url, _) => write!(f, "send {url}"),
            Step::Present(challenge) => {
                write!(f, "present {} {}", challenge.kind.as_str(), challenge.token)
            }
            Step::Wait(time) => write!(f, "wait {}", time.as_secs()),
            Step::Complete(_) => f.write_str("complete"),
        }
    }
}

/// What a request was answered with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) location: Option<String>,
    pub(super) retry_after: Option<Duration>,
    pub(super) content: Vec<u8>,
}

impl Answer {
    /// The content as JSON; null if it is none.
    pub(super) fn object(&self) -> Value {
        serde_json::from_slice(&self.content).unwrap_or_default()
    }
}

#[derive(Debug)]
enum State {
    New,
    /// The first of the authorisations is looked at.
    Authorizing,
    Presenting(Challenge),
    Responding(Challenge),
    /// The challenge has been accepted for validation.
    Validating(Challenge),
    /// All authorisations are valid, but the order may not know it yet.
    Settling,
    Finalizing,
    Issuing,
    Downloading(String),
    Complete(String),
}

/// An order on its way.
#[derive(Debug)]
pub(super) struct Order {
    identifier: Identifier,
    /// The certificate that this one replaces (RFC 9773 §5).
    replaces: Option<String>,
    /// The kind of challenge that is preferred.
    kind: Kind,
    /// The signing request, in DER.
    request: Vec<u8>,
    new_order: String,
    state: State,
    url: String,
    finalize: String,
    authorizations: Vec<String>,
    /// The time to wait before the next step, if the last one was a look in vain.
    pause: Option<Duration>,
    looks: u32,
    waited: Duration,
}

impl Order {
    /// An order for one name, to be sent to `new_order`.
    pub(super) fn new(
        identifier: Identifier,
        new_order: String,
        request: Vec<u8>,
        kind: Kind,
        replaces: Option<String>,
    ) -> Self {
        Order {
            identifier,
            replaces,
            kind,
            request,
            new_order,
            state: State::New,
            url: String::new(),
            finalize: String::new(),
            authorizations: Vec::new(),
            pause: None,
            looks: 0,
            waited: Duration::ZERO,
        }
    }

    /// The kind of challenge that was chosen last.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// What is to be done next.
    pub(super) fn next(&self) -> Step {
        if let Some(pause) = self.pause {
            return Step::Wait(pause);
        }
        let authorization = || self.authorizations.first().cloned().unwrap_or_default();
        match &self.state {
            State::New => {
                let identifier = json!({
                    "type": self.identifier.kind(),
                    "value": self.identifier.to_string(),
                });
                let mut content = json!({"identifiers": [identifier]});
                if let Some(replaces) = &self.replaces {
                    content["replaces"] = json!(replaces);
                }
                Step::Send(self.new_order.clone(), content)
            }
            State::Authorizing | State::Validating(_) => Step::Fetch(authorization()),
            State::Presenting(challenge) => Step::Present(challenge.clone()),
            State::Responding(challenge) => Step::Send(challenge.url.clone(), json!({})),
            State::Settling | State::Issuing => Step::Fetch(self.url.clone()),
            State::Finalizing => {
                let content = json!({"csr": base64url(&self.request)});
                Step::Send(self.finalize.clone(), content)
            }
            State::Downloading(url) => Step::Fetch(url.clone()),
            State::Complete(chain) => Step::Complete(chain.clone()),
        }
    }

    /// The challenge is presented, or the time to wait is over.
    pub(super) fn done(&mut self) {
        if let Some(pause) = self.pause.take() {
            self.waited += pause;
        } else if let State::Presenting(challenge) = &self.state {
            self.state = State::Responding(challenge.clone());
        }
    }

    /// The request of the last step was refused. Returns whether the next step is another try: an
    /// ACME server that does not accept what the order replaces may accept it without that
    /// (RFC 9773 §5), as when that certificate has been replaced already, or by another account.
    pub(super) fn refused(&mut self, error: &AcmeError) -> bool {
        let is_new = matches!(self.state, State::New) && error.problem.is_some();
        is_new && !error.is("rateLimited") && self.replaces.take().is_some()
    }

    /// The request of the last step was answered with success.
    ///
    /// # Errors
    /// If the order can't succeed any more, or the answer makes no sense.
    pub(super) fn received(&mut self, answer: &Answer) -> Result<(), AcmeError> {
        match &self.state {
            State::New => {
                self.url = answer
                    .location
                    .clone()
                    .ok_or_else(|| senseless("an order's URL"))?;
                let order = read_order(answer)?;
                self.finalize = order.finalize.clone().unwrap_or_default();
                self.authorizations = order.authorizations.clone();
                self.follow(&order, answer)
            }
            State::Authorizing => {
                let authorization = read_authorization(answer)?;
                match &authorization.status[..] {
                    "valid" => {
                        self.next_authorization();
                        Ok(())
                    }
                    "pending" => {
                        let challenge = self.choose(&authorization)?;
                        self.kind = challenge.kind;
                        self.state = State::Presenting(challenge);
                        Ok(())
                    }
                    _ => Err(self.failed(self.kind, &authorization)),
                }
            }
            State::Responding(challenge) => {
                self.state = State::Validating(challenge.clone());
                self.looks = 0;
                self.look_later(answer)
            }
            State::Validating(challenge) => {
                let kind = challenge.kind;
                let authorization = read_authorization(answer)?;
                match &authorization.status[..] {
                    "valid" => {
                        self.next_authorization();
                        Ok(())
                    }
                    "pending" | "processing" => self.look_later(answer),
                    _ => Err(self.failed(kind, &authorization)),
                }
            }
            State::Settling | State::Finalizing | State::Issuing => {
                let order = read_order(answer)?;
                self.follow(&order, answer)
            }
            State::Downloading(_) => {
                let chain = String::from_utf8(answer.content.clone());
                let chain = chain.map_err(|_| senseless("a certificate in PEM"))?;
                self.state = State::Complete(chain);
                Ok(())
            }
            State::Presenting(_) | State::Complete(_) => Ok(()),
        }
    }

    /// Goes where the order's status leads.
    fn follow(&mut self, order: &objects::Order, answer: &Answer) -> Result<(), AcmeError> {
        match &order.status[..] {
            "pending" if !self.authorizations.is_empty() => {
                self.state = State::Authorizing;
                Ok(())
            }
            "pending" if !matches!(self.state, State::New) => {
                self.state = State::Settling;
                self.look_later(answer)
            }
            "ready" if matches!(self.state, State::Finalizing | State::Issuing) => {
                // It has taken the signing request, but says so only later.
                self.state = State::Issuing;
                self.look_later(answer)
            }
            "ready" if !self.finalize.is_empty() => {
                self.state = State::Finalizing;
                self.looks = 0;
                Ok(())
            }
            "processing" => {
                self.state = State::Issuing;
                self.look_later(answer)
            }
            "valid" => {
                let url = order.certificate.clone();
                let url = url.ok_or_else(|| senseless("the URL of a certificate"))?;
                self.state = State::Downloading(url);
                Ok(())
            }
            "invalid" => Err(match order.error.clone() {
                Some(problem) => AcmeError::of_problem("the order failed", problem),
                None => AcmeError::of_name("the order failed: the ACME server says no more", ""),
            }),
            _ => Err(senseless("an order's status")),
        }
    }

    /// Continues with the next authorisation, or with the order.
    fn next_authorization(&mut self) {
        self.authorizations.remove(0);
        self.looks = 0;
        self.state = match self.authorizations.is_empty() {
            true => State::Settling,
            false => State::Authorizing,
        };
    }

    /// Chooses a challenge: of the preferred kind, if there is one.
    fn choose(&self, authorization: &Authorization) -> Result<Challenge, AcmeError> {
        let challenges = &authorization.challenges;
        let preferred = challenges
            .iter()
            .find(|challenge| challenge.kind == self.kind);
        preferred.or(challenges.first()).cloned().ok_or_else(|| {
            AcmeError::of_name(
                "the ACME server offers neither http-01 nor tls-alpn-01 for it",
                "choose another one with --acme-directory",
            )
        })
    }

    fn failed(&self, kind: Kind, authorization: &Authorization) -> AcmeError {
        match (&authorization.status[..], &authorization.error) {
            ("invalid", error) => AcmeError::of_challenge(&self.identifier, kind, error.clone()),
            (status, _) => AcmeError::of_name(format!("the authorisation is {}", safe(status)), ""),
        }
    }

    /// Plans another look at what is not finished.
    fn look_later(&mut self, answer: &Answer) -> Result<(), AcmeError> {
        // 1, 2, 4 … seconds, unless the server names a time.
        let doubled = LEAST * 2_u32.pow(self.looks.min(4));
        let pause = answer.retry_after.unwrap_or(doubled).clamp(LEAST, MOST);
        self.looks += 1;
        if self.waited + pause > PATIENCE {
            return Err(AcmeError::of_name(
                "the ACME server was not done within ten minutes",
                "",
            ));
        }
        self.pause = Some(pause);
        Ok(())
    }
}

fn read_order(answer: &Answer) -> Result<objects::Order, AcmeError> {
    objects::Order::read(&answer.object()).ok_or_else(|| senseless("an order"))
}

fn read_authorization(answer: &Answer) -> Result<Authorization, AcmeError> {
    Authorization::read(&answer.object()).ok_or_else(|| senseless("an authorisation"))
}

fn senseless(expected: &str) -> AcmeError {
    AcmeError::of_directory(
        format!("the ACME server answered without {expected}"),
        "check --acme-directory",
    )
}

/// A word of the server, for a line of the log.
fn safe(word: &str) -> String {
    word.chars()
        .filter(char::is_ascii_alphanumeric)
        .take(20)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "DGyRejmCefe7v4NfDGDKfA";

    fn begun(kind: Kind) -> Order {
        let identifier = "a.example".parse().unwrap();
        Order::new(identifier, "https://new".into(), b"csr".into(), kind, None)
    }

    fn answer(object: &Value) -> Answer {
        Answer {
            location: Some("https://order".to_owned()),
            retry_after: None,
            content: object.to_string().into_bytes(),
        }
    }

    fn pending() -> Value {
        json!({
            "status": "pending", "authorizations": ["https://auth"], "finalize": "https://fin",
        })
    }

    fn authorization(status: &str) -> Value {
        json!({
            "status": status,
            "challenges": [
                {"type": "dns-01", "url": "https://dns", "token": TOKEN},
                {"type": "http-01", "url": "https://http", "token": TOKEN, "error": match status {
                    "invalid" => json!({
                        "type": "urn:ietf:params:acme:error:connection", "detail": "refused",
                    }),
                    _ => json!(null),
                }},
                {"type": "tls-alpn-01", "url": "https://alpn", "token": TOKEN},
            ],
        })
    }

    fn of(status: &str) -> Value {
        json!({"status": status, "finalize": "https://fin", "certificate": "https://cert"})
    }

    /// A step with its content.
    fn words(step: &Step) -> String {
        match step {
            Step::Send(_, content) => format!("{step} {content}"),
            Step::Complete(chain) => format!("{step} {chain}"),
            _ => step.to_string(),
        }
    }

    /// Answers the steps in order: the steps that were to be taken, and the error that ended it.
    fn run(mut order: Order, answers: &[Value]) -> (Vec<String>, Option<String>) {
        let (mut steps, mut answers) = (Vec::new(), answers.iter());
        loop {
            let step = order.next();
            steps.push(words(&step));
            match step {
                Step::Complete(_) => return (steps, None),
                Step::Present(_) | Step::Wait(_) => order.done(),
                Step::Fetch(_) | Step::Send(..) => {
                    let Some(next) = answers.next() else {
                        return (steps, None);
                    };
                    let reply = match next.as_str() {
                        Some(text) => Answer {
                            content: text.as_bytes().to_vec(),
                            ..Answer::default()
                        },
                        None => answer(next),
                    };
                    if let Err(error) = order.received(&reply) {
                        return (steps, Some(error.to_string()));
                    }
                }
            }
        }
    }

    #[test]
    fn an_order_from_its_beginning_to_its_end() {
        let answers = [
            pending(),
            authorization("pending"),
            json!({"status": "processing"}),
            authorization("pending"),
            authorization("valid"),
            of("pending"),
            of("ready"),
            of("processing"),
            of("processing"),
            of("valid"),
            json!("PEM"),
        ];
        let (steps, error) = run(begun(Kind::Http), &answers);
        assert_eq!(error, None);
        assert_eq!(
            steps,
            [
                r#"send https://new {"identifiers":[{"type":"dns","value":"a.example"}]}"#,
                "fetch https://auth",
                &format!("present http-01 {TOKEN}"),
                "send https://http {}",
                "wait 1",
                "fetch https://auth",
                "wait 2",
                "fetch https://auth",
                "fetch https://order",
                "wait 1",
                "fetch https://order",
                r#"send https://fin {"csr":"Y3Ny"}"#,
                "wait 1",
                "fetch https://order",
                "wait 2",
                "fetch https://order",
                "fetch https://cert",
                "complete PEM",
            ]
        );
    }

    #[test]
    fn what_is_done_already_is_left_out() {
        // RFC 8555 §7.4: an order, or one of its authorisations, may be an earlier one.
        let table = [
            (
                vec![pending(), authorization("valid"), of("ready")],
                "send https://fin {\"csr\":\"Y3Ny\"}",
            ),
            (vec![of("ready")], "send https://fin {\"csr\":\"Y3Ny\"}"),
            (vec![of("valid")], "fetch https://cert"),
            (vec![of("processing")], "fetch https://order"),
            (vec![of("ready"), of("valid")], "fetch https://cert"),
            (
                vec![of("ready"), of("ready"), of("processing"), of("valid")],
                "fetch https://cert",
            ),
        ];
        for (answers, expected) in table {
            let (steps, error) = run(begun(Kind::Http), &answers);
            assert_eq!(error, None);
            assert_eq!(steps.last().unwrap(), expected, "{answers:?}");
        }
    }

    #[test]
    fn the_kind_that_is_offered_is_used() {
        let mut only_http = authorization("pending");
        only_http["challenges"].as_array_mut().unwrap().pop();
        let table = [
            (Kind::Http, authorization("pending"), "present http-01"),
            (
                Kind::TlsAlpn,
                authorization("pending"),
                "present tls-alpn-01",
            ),
            (Kind::TlsAlpn, only_http, "present http-01"),
        ];
        for (kind, offered, expected) in table {
            let (steps, _) = run(begun(kind), &[pending(), offered]);
            assert!(steps[2].starts_with(expected), "{steps:?}");
        }
    }

    #[test]
    fn what_ends_an_order() {
        let mut failed = of("invalid");
        failed["error"] = json!({
            "type": "urn:ietf:params:acme:error:caa", "detail": "CAA forbids",
        });
        let ready = [pending(), authorization("pending"), json!({})];
        let validating = |last: Value| [&ready[..], &[last]].concat();
        let table = [
            (
                validating(authorization("invalid")),
                "http-01 failed: refused (connection); port 80 of a.example",
            ),
            (
                validating(authorization("revoked")),
                "the authorisation is revoked",
            ),
            (
                vec![pending(), authorization("deactivated")],
                "the authorisation is deactivated",
            ),
            (
                vec![pending(), json!({"status": "pending"})],
                "neither http-01 nor tls-alpn-01",
            ),
            (vec![failed], "the order failed: CAA forbids (caa)"),
            (vec![of("invalid")], "the order failed"),
            (vec![of("strange")], "an order's status"),
            (vec![json!({"status": "pending"})], "an order's status"),
            (vec![json!({"status": "valid"})], "the URL of a certificate"),
            (vec![json!("no JSON")], "an order's URL"),
            (vec![pending(), json!("<html>")], "an authorisation"),
        ];
        for (answers, expected) in table {
            let (_, error) = run(begun(Kind::Http), &answers);
            let error = error.unwrap_or_else(|| panic!("{answers:?}"));
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn looks_are_bounded_and_as_far_apart_as_the_server_says() {
        let mut order = begun(Kind::Http);
        order.received(&answer(&of("processing"))).unwrap();
        let (mut pauses, mut total) = (Vec::new(), 0);
        let error = loop {
            if let Step::Wait(pause) = order.next() {
                pauses.push(pause.as_secs());
                total += pause.as_secs();
            }
            order.done();
            if let Err(error) = order.received(&answer(&of("processing"))) {
                break error.to_string();
            }
        };
        assert!(error.contains("within ten minutes"), "{error}");
        assert_eq!(&pauses[..7], [1, 2, 4, 8, 16, 16, 16]);
        assert!(
            total <= PATIENCE.as_secs() && total > PATIENCE.as_secs() - 60,
            "{total}"
        );
        for (said, expected) in [(0, 1), (3, 3), (3600, 60)] {
            let mut order = begun(Kind::Http);
            let mut later = answer(&of("processing"));
            later.retry_after = Some(Duration::from_secs(said));
            order.received(&later).unwrap();
            assert_eq!(order.next(), Step::Wait(Duration::from_secs(expected)));
        }
    }

    #[test]
    fn a_renewal_names_what_it_replaces() {
        let identifier = "192.0.2.1".parse().unwrap();
        let replaces = Some("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE".to_owned());
        let order = Order::new(
            identifier,
            "https://new".into(),
            vec![],
            Kind::Http,
            replaces,
        );
        assert_eq!(
            words(&order.next()),
            r#"send https://new {"identifiers":[{"type":"ip","value":"192.0.2.1"}],"replaces":"aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"}"#
        );
    }

    #[test]
    fn a_renewal_that_is_refused_is_tried_once_without_what_it_replaces() {
        let refusal = |kind: &str| {
            let object = json!({"type": format!("urn:ietf:params:acme:error:{kind}")});
            AcmeError::of_problem("refused", objects::Problem::read(&object).unwrap())
        };
        let other = AcmeError::of_name("the connection broke", "");
        for (error, expected) in [
            (refusal("alreadyReplaced"), true),
            (refusal("unauthorized"), true),
            (refusal("serverInternal"), true),
            (refusal("rateLimited"), false),
            (other, false),
        ] {
            let mut order = begun(Kind::Http);
            assert!(!order.refused(&error), "it replaces nothing");
            order.replaces = Some("x.y".to_owned());
            assert_eq!(order.refused(&error), expected, "{error}");
            assert_eq!(words(&order.next()).contains("replaces"), !expected);
            assert!(!order.refused(&error), "once");
        }
        let mut order = begun(Kind::Http);
        order.replaces = Some("x.y".to_owned());
        order.received(&answer(&pending())).unwrap();
        assert!(!order.refused(&refusal("alreadyReplaced")), "later");
    }
}
