//! Why a certificate was not obtained: what failed, why, and what to try.

use super::names::Identifier;
use super::objects::{Kind, Problem};
use std::fmt;
use std::time::Duration;

/// What a failure concerns, and so what waits until the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The ACME server or the account: all names.
    Directory,
    /// One name.
    Name,
}

/// A failure on the way to a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AcmeError {
    /// What failed and why.
    pub(super) what: String,
    /// What to try; empty if there is nothing.
    pub(super) hint: String,
    pub(super) scope: Scope,
    /// The ACME server's error document, if it sent one.
    pub(super) problem: Option<Box<Problem>>,
    /// How long the ACME server asks to wait.
    pub(super) retry_after: Option<Duration>,
    /// Whether the same request may succeed at once.
    pub(super) is_transient: bool,
}

impl AcmeError {
    /// A failure that concerns all names.
    pub(super) fn of_directory(what: impl Into<String>, hint: impl Into<String>) -> Self {
        AcmeError {
            what: what.into(),
            hint: hint.into(),
            scope: Scope::Directory,
            problem: None,
            retry_after: None,
            is_transient: false,
        }
    }

    /// A failure that concerns one name.
    pub(super) fn of_name(what: impl Into<String>, hint: impl Into<String>) -> Self {
        AcmeError {
            scope: Scope::Name,
            ..AcmeError::of_directory(what, hint)
        }
    }

    /// The failure that an error document describes. `doing` says what was refused.
    pub(super) fn of_problem(doing: &str, problem: Problem) -> Self {
        let (scope, hint) = meaning(&problem);
        AcmeError {
            what: format!("{doing}: {problem}"),
            hint: hint.to_owned(),
            scope,
            is_transient: problem.kind == "serverInternal",
            problem: Some(Box::new(problem)),
            retry_after: None,
        }
    }

    /// The failure of a challenge.
    pub(super) fn of_challenge(name: &Identifier, kind: Kind, problem: Option<Problem>) -> Self {
        let (why, error) = match &problem {
            Some(problem) => (problem.to_string(), problem.kind.as_str()),
            None => ("the ACME server says no more".to_owned(), ""),
        };
        let port = kind.port();
        let hint = match error {
            "dns" => format!("{name} needs an A or AAAA record with an address of this machine"),
            "connection" => format!(
                "port {port} of {name} must lead to this server: check the address in the DNS, the \
                 firewall and the forwarding of ports"
            ),
            "caa" => {
                format!("a CAA record of {name} or of a domain above it forbids this ACME server")
            }
            _ => format!(
                "another server may have answered: port {port} of each address of {name} must lead \
                 to this one"
            ),
        };
        AcmeError {
            problem: problem.map(Box::new),
            ..AcmeError::of_name(format!("{} failed: {why}", kind.as_str()), hint)
        }
    }

    /// Whether the error document is of this type.
    pub(super) fn is(&self, kind: &str) -> bool {
        self.problem
            .as_ref()
            .is_some_and(|problem| problem.is(kind))
    }
}

impl fmt::Display for AcmeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hint.is_empty() {
            true => f.write_str(&self.what),
            false => write!(f, "{}; {}", self.what, self.hint),
        }
    }
}

/// What an error document concerns, and what to try.
fn meaning(problem: &Problem) -> (Scope, &'static str) {
    match &problem.kind[..] {
        "accountDoesNotExist" => (Scope::Directory, "a new account is made at the next try"),
        "externalAccountRequired" => (
            Scope::Directory,
            "this ACME server needs an account that was bound elsewhere, which is not supported; \
             choose another one with --acme-directory",
        ),
        "userActionRequired" => (
            Scope::Directory,
            "its terms may have changed: read them, and restart the server",
        ),
        "invalidContact" | "unsupportedContact" => (Scope::Directory, "check --acme-email"),
        "serverInternal" => (Scope::Directory, ""),
        "unauthorized" => (
            Scope::Name,
            "if the account was deactivated, remove account.json in the state directory",
        ),
        "rateLimited" => (Scope::Name, "it is tried again when that is allowed"),
        "rejectedIdentifier" | "unsupportedIdentifier" => (
            Scope::Name,
            "this ACME server issues no certificate for it: check its spelling, or choose another \
             one with --acme-directory",
        ),
        "caa" => (
            Scope::Name,
            "a CAA record in the DNS forbids this ACME server",
        ),
        "dns" => (Scope::Name, "check the records of the name in the DNS"),
        _ => (Scope::Name, ""),
    }
}
