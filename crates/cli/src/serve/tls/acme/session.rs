//! Requests to an ACME server: signed, each with a fresh nonce (RFC 8555 §6).

use super::error::AcmeError;
use super::jws::AccountKey;
use super::objects::{Directory, Problem};
use super::order::Answer;
use serde_json::{Value, json};
use std::time::Duration;

/// How often a request is sent again because its nonce was rejected (RFC 8555 §6.5).
const NONCES: u32 = 20;

/// How often a fetch is tried that fails for a reason that may pass.
const TRIES: u32 = 4;

/// What carries requests.
pub(super) trait Http {
    /// Sends a request; `content` makes it a POST.
    ///
    /// # Errors
    /// If there is no response. A status of 400 and more is one.
    fn send(
        &mut self,
        method: &str,
        url: &str,
        content: Option<String>,
    ) -> Result<Reply, AcmeError>;

    /// Waits.
    fn wait(&mut self, time: Duration);
}

/// A response of an ACME server.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) nonce: Option<String>,
    pub(super) answer: Answer,
}

impl Reply {
    fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The failure that it tells of. `doing` says what was refused.
    fn error(&self, doing: &str) -> AcmeError {
        let failed = match Problem::read(&self.answer.object()) {
            Some(problem) => AcmeError::of_problem(doing, problem),
            None => AcmeError::of_directory(
                format!(
                    "{doing}: the ACME server answered with status {}",
                    self.status
                ),
                "check --acme-directory, and the state of the ACME server",
            ),
        };
        AcmeError {
            retry_after: self.answer.retry_after,
            is_transient: failed.is_transient || self.status >= 500 && self.status != 501,
            ..failed
        }
    }
}

/// An account.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) key: AccountKey,
    /// Its URL; `None` before it was made.
    pub(super) url: Option<String>,
    /// The address that the ACME server knows.
    pub(super) email: Option<String>,
}

/// A conversation with an ACME server.
pub(super) struct Session<H> {
    http: H,
    pub(super) directory: Directory,
    account: Account,
    nonce: Option<String>,
}

impl<H: Http> Session<H> {
    /// Fetches the directory.
    ///
    /// # Errors
    /// If that fails, or it is none.
    pub(super) fn open(mut http: H, url: &str, account: Account) -> Result<Self, AcmeError> {
        let reply = http.send("GET", url, None)?;
        let doing = format!("the directory {url} can't be used");
        if !reply.is_success() {
            return Err(AcmeError {
                hint: "check --acme-directory".to_owned(),
                ..reply.error(&doing)
            });
        }
        let directory = Directory::read(&reply.answer.object()).map_err(|missing| {
            AcmeError::of_directory(
                format!("{doing}: it has no {missing}"),
                "check --acme-directory: it takes the URL of an ACME directory",
            )
        })?;
        Ok(Session {
            http,
            directory,
            account,
            nonce: None,
        })
    }

    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    /// The ACME server does not know the account any more.
    pub(super) fn forget_account(&mut self) {
        self.account.url = None;
    }

    /// Makes the account, or finds it, unless it is known; and tells the ACME server of a changed
    /// address. Returns whether the account is to be kept anew.
    ///
    /// # Errors
    /// If the ACME server refuses it.
    pub(super) fn log_in(&mut self, email: Option<&str>) -> Result<bool, AcmeError> {
        let contact = || email.map(|email| vec![format!("mailto:{email}")]);
        let contact = contact().unwrap_or_default();
        if let Some(url) = self.account.url.clone() {
            if self.account.email.as_deref() == email {
                return Ok(false);
            }
            let content = json!({"contact": contact});
            match self.try_post(
                &url,
                content.to_string().as_bytes(),
                "the account can't be changed",
            ) {
                Ok(_) => {
                    self.account.email = email.map(str::to_owned);
                    return Ok(true);
                }
                Err(error) if error.is("accountDoesNotExist") => {}
                Err(error) => return Err(error),
            }
        }
        if self.directory.needs_external_account {
            let problem = Problem {
                kind: "externalAccountRequired".to_owned(),
                ..Problem::default()
            };
            return Err(AcmeError::of_problem("no account can be made", problem));
        }
        self.account.url = None;
        let content = json!({"termsOfServiceAgreed": true, "contact": contact});
        let url = self.directory.new_account.clone();
        let doing = "no account can be made";
        let reply = self.try_post(&url, content.to_string().as_bytes(), doing);
        let reply = reply.map_err(|error| AcmeError {
            scope: super::error::Scope::Directory,
            ..error
        })?;
        let url = reply.location.ok_or_else(|| {
            AcmeError::of_directory(
                "the ACME server made an account without a URL",
                "check --acme-directory",
            )
        })?;
        self.account.url = Some(url);
        self.account.email = email.map(str::to_owned);
        Ok(true)
    }

    /// Fetches a resource without a signature.
    ///
    /// # Errors
    /// If that fails.
    pub(super) fn get(&mut self, url: &str, doing: &str) -> Result<Answer, AcmeError> {
        let reply = self.http.send("GET", url, None)?;
        match reply.is_success() {
            true => Ok(reply.answer),
            false => Err(reply.error(doing)),
        }
    }

    /// Fetches a resource, signed (POST-as-GET, RFC 8555 §6.3). A failure that may pass is waited
    /// for: an order that is nearly complete must not be lost to it.
    ///
    /// # Errors
    /// If that fails.
    pub(super) fn fetch(&mut self, url: &str, doing: &str) -> Result<Answer, AcmeError> {
        let mut tries = 1;
        loop {
            match self.try_post(url, b"", doing) {
                Err(error) if error.is_transient && tries < TRIES => {
                    let pause = Duration::from_secs(1 << (tries - 1));
                    self.http
                        .wait(error.retry_after.unwrap_or(pause).clamp(pause, pause * 8));
                    tries += 1;
                }
                ended => return ended,
            }
        }
    }

    /// Sends content to a resource.
    ///
    /// # Errors
    /// If that fails.
    pub(super) fn send(
        &mut self,
        url: &str,
        content: &Value,
        doing: &str,
    ) -> Result<Answer, AcmeError> {
        self.try_post(url, content.to_string().as_bytes(), doing)
    }

    /// Sends a signed request, again as long as its nonce is rejected.
    fn try_post(&mut self, url: &str, content: &[u8], doing: &str) -> Result<Answer, AcmeError> {
        let mut tries = 1;
        loop {
            let nonce = match self.nonce.take() {
                Some(nonce) => nonce,
                None => self.new_nonce()?,
            };
            let signed = self.sign(url, &nonce, content)?;
            let reply = self.http.send("POST", url, Some(signed))?;
            self.nonce.clone_from(&reply.nonce);
            if reply.is_success() {
                return Ok(reply.answer);
            }
            let error = reply.error(doing);
            if !error.is("badNonce") || tries == NONCES {
                return Err(error);
            }
            tries += 1;
        }
    }

    fn new_nonce(&mut self) -> Result<String, AcmeError> {
        let url = self.directory.new_nonce.clone();
        let reply = self.http.send("HEAD", &url, None)?;
        match reply.nonce {
            Some(nonce) => Ok(nonce),
            None if reply.is_success() => Err(AcmeError::of_directory(
                "the ACME server sends no nonces",
                "check --acme-directory",
            )),
            None => Err(reply.error("the ACME server sends no nonces")),
        }
    }

    /// Signs with the account's URL, or with its key before it has one.
    fn sign(&self, url: &str, nonce: &str, content: &[u8]) -> Result<String, AcmeError> {
        let key = &self.account.key;
        let mut protected = json!({"alg": "ES256", "nonce": nonce, "url": url});
        match &self.account.url {
            Some(account) => protected["kid"] = json!(account),
            None => protected["jwk"] = key.jwk(),
        }
        key.sign(&protected, content).ok_or_else(|| {
            AcmeError::of_directory(
                "a request can't be signed: the system has no randomness",
                "",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::jws::from_base64url;
    use super::*;

    /// Requests that were sent, and what they are answered with.
    #[derive(Default)]
    struct Script {
        replies: Vec<Reply>,
        sent: Vec<(String, String, Value)>,
        waits: Vec<u64>,
    }

    impl Http for &mut Script {
        fn send(
            &mut self,
            method: &str,
            url: &str,
            content: Option<String>,
        ) -> Result<Reply, AcmeError> {
            let content = content.map(|text| {
                let object: Value = serde_json::from_str(&text).unwrap();
                let protected = from_base64url(object["protected"].as_str().unwrap()).unwrap();
                serde_json::from_slice(&protected).unwrap()
            });
            let content = content.unwrap_or_default();
            self.sent.push((method.to_owned(), url.to_owned(), content));
            let reply = self.replies.remove(0);
            match reply.status {
                0 => Err(AcmeError {
                    is_transient: true,
                    ..AcmeError::of_directory("connection refused", "")
                }),
                _ => Ok(reply),
            }
        }

        fn wait(&mut self, time: Duration) {
            self.waits.push(time.as_secs());
        }
    }

    fn reply(status: u16, nonce: &str, content: &Value) -> Reply {
        Reply {
            status,
            nonce: (!nonce.is_empty()).then(|| nonce.to_owned()),
            answer: Answer {
                location: (status == 201).then(|| "https://account/1".to_owned()),
                retry_after: None,
                content: content.to_string().into_bytes(),
            },
        }
    }

    fn directory() -> Reply {
        let object = json!({
            "newNonce": "https://nonce", "newAccount": "https://new", "newOrder": "https://order",
        });
        reply(200, "", &object)
    }

    fn problem(kind: &str) -> Value {
        json!({"type": format!("urn:ietf:params:acme:error:{kind}"), "detail": "no"})
    }

    fn account(url: Option<&str>) -> Account {
        Account {
            key: AccountKey::generate().unwrap(),
            url: url.map(str::to_owned),
            email: None,
        }
    }

    #[test]
    fn each_request_has_a_nonce_of_its_own() {
        let mut script = Script {
            replies: vec![
                directory(),
                reply(200, "n1", &json!({})),
                reply(201, "n2", &json!({})),
                reply(200, "n3", &json!({})),
                reply(400, "n4", &problem("badNonce")),
                reply(200, "", &json!({"x": 1})),
                reply(200, "n5", &json!({})),
                reply(200, "n6", &json!({})),
            ],
            ..Script::default()
        };
        let mut session = Session::open(&mut script, "https://dir", account(None)).unwrap();
        assert!(session.log_in(Some("me@a.example")).unwrap());
        assert_eq!(session.account().url.as_deref(), Some("https://account/1"));
        assert!(!session.log_in(Some("me@a.example")).unwrap());
        session.fetch("https://x", "x").unwrap();
        assert_eq!(
            session.fetch("https://y", "y").unwrap().object(),
            json!({"x": 1})
        );
        session.fetch("https://z", "z").unwrap();
        let sent: Vec<String> = script
            .sent
            .iter()
            .map(|(method, url, protected)| {
                let nonce = protected["nonce"].as_str().unwrap_or_default();
                let signer = match (&protected["kid"], &protected["jwk"]) {
                    (Value::String(account), Value::Null) => account,
                    (Value::Null, Value::Object(_)) => "key",
                    _ => "",
                };
                assert!(nonce.is_empty() || protected["url"] == *url);
                format!("{method} {url} {nonce} {signer}")
                    .trim_end()
                    .to_owned()
            })
            .collect();
        assert_eq!(
            sent,
            [
                "GET https://dir",
                "HEAD https://nonce",
                "POST https://new n1 key",
                "POST https://x n2 https://account/1",
                "POST https://y n3 https://account/1",
                "POST https://y n4 https://account/1",
                "HEAD https://nonce",
                "POST https://z n5 https://account/1",
            ]
        );
    }

    #[test]
    fn nonces_are_not_rejected_for_ever() {
        let mut script = Script {
            replies: vec![directory(), reply(200, "n", &json!({}))],
            ..Script::default()
        };
        script
            .replies
            .extend(vec![reply(400, "n", &problem("badNonce")); NONCES as usize]);
        let account = account(Some("https://account/1"));
        let mut session = Session::open(&mut script, "https://dir", account).unwrap();
        let error = session.fetch("https://x", "doing x").unwrap_err();
        assert_eq!(error.what, "doing x: no (badNonce)");
        assert!(script.replies.is_empty());
    }

    #[test]
    fn fetches_outlast_failures_that_pass_and_orders_are_sent_once() {
        let refused = || reply(0, "", &json!({}));
        let mut script = Script {
            replies: vec![
                directory(),
                reply(200, "n", &json!({})),
                refused(),
                reply(200, "n", &json!({})),
                reply(503, "n", &json!("maintenance")),
                reply(500, "n", &problem("serverInternal")),
                reply(200, "n", &json!({})),
                reply(503, "n", &json!({})),
            ],
            ..Script::default()
        };
        let account = account(Some("https://account/1"));
        let mut session = Session::open(&mut script, "https://dir", account).unwrap();
        session.fetch("https://x", "x").unwrap();
        let error = session
            .send("https://order", &json!({}), "no order")
            .unwrap_err();
        assert_eq!(
            error.what,
            "no order: the ACME server answered with status 503"
        );
        assert_eq!(script.waits, [1, 2, 4]);
        assert!(script.replies.is_empty());
    }

    #[test]
    fn an_account_that_is_gone_is_made_again() {
        let mut script = Script {
            replies: vec![
                directory(),
                reply(200, "n", &json!({})),
                reply(400, "n", &problem("accountDoesNotExist")),
                reply(201, "n", &json!({})),
            ],
            ..Script::default()
        };
        let account = account(Some("https://account/0"));
        let mut session = Session::open(&mut script, "https://dir", account).unwrap();
        assert!(session.log_in(Some("new@a.example")).unwrap());
        assert_eq!(session.account().url.as_deref(), Some("https://account/1"));
    }

    #[test]
    fn what_is_no_directory_is_told() {
        let table = [
            (reply(404, "", &json!("x")), "answered with status 404"),
            (reply(200, "", &json!("<html>")), "it has no newNonce"),
            (
                reply(200, "", &json!({"newNonce": "https://n"})),
                "it has no newAccount",
            ),
            (reply(0, "", &json!({})), "connection refused"),
        ];
        for (answer, expected) in table {
            let mut script = Script {
                replies: vec![answer],
                ..Script::default()
            };
            let error = Session::open(&mut script, "https://dir", account(None));
            let error = error.err().unwrap();
            assert!(error.what.contains(expected), "{error}");
            assert_eq!(error.scope, super::super::error::Scope::Directory);
        }
        let mut bound = directory();
        let mut object = bound.answer.object();
        object["meta"] = json!({"externalAccountRequired": true});
        bound.answer.content = object.to_string().into_bytes();
        let mut script = Script {
            replies: vec![bound],
            ..Script::default()
        };
        let mut session = Session::open(&mut script, "https://dir", account(None)).unwrap();
        assert!(
            session
                .log_in(None)
                .unwrap_err()
                .hint
                .contains("--acme-directory")
        );
    }
}
