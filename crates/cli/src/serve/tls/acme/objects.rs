//! What an ACME server sends (RFC 8555 §7.1): directory, order, authorisation, error document.

use crate::visible::is_dangerous;
use serde_json::Value;
use std::fmt;

/// What precedes the types of ACME's errors (RFC 8555 §6.7).
const ERROR: &str = "urn:ietf:params:acme:error:";

/// The most text of an error document that a log line shows.
const LONGEST: usize = 400;

/// Where the resources of an ACME server are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) new_nonce: String,
    pub(super) new_account: String,
    pub(super) new_order: String,
    /// Where the server says when to renew certificates (RFC 9773), if it does.
    pub(super) renewal_info: Option<String>,
    pub(super) terms: Option<String>,
    /// Whether accounts need a key that was agreed on elsewhere.
    pub(super) needs_external_account: bool,
}

impl Directory {
    /// Reads a directory. `Err` is the name of what is missing.
    pub(super) fn read(object: &Value) -> Result<Self, &'static str> {
        let url = |name| text(object, name).ok_or(name);
        Ok(Directory {
            new_nonce: url("newNonce")?,
            new_account: url("newAccount")?,
            new_order: url("newOrder")?,
            renewal_info: text(object, "renewalInfo"),
            terms: text(&object["meta"], "termsOfService"),
            needs_external_account: object["meta"]["externalAccountRequired"] == true,
        })
    }
}

/// An order for a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) status: String,
    pub(super) authorizations: Vec<String>,
    pub(super) finalize: Option<String>,
    pub(super) certificate: Option<String>,
    pub(super) error: Option<Problem>,
}

impl Order {
    /// Reads an order; `None` if it has no status.
    pub(super) fn read(object: &Value) -> Option<Self> {
        let authorizations = object["authorizations"].as_array();
        let authorizations = authorizations.into_iter().flatten();
        Some(Order {
            status: text(object, "status")?,
            authorizations: authorizations
                .filter_map(|url| url.as_str().map(str::to_owned))
                .collect(),
            finalize: text(object, "finalize"),
            certificate: text(object, "certificate"),
            error: Problem::read(&object["error"]),
        })
    }
}

/// How a name can be proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::serve) enum Kind {
    /// A response over plain HTTP on port 80 (RFC 8555 §8.3).
    Http,
    /// A handshake on port 443 (RFC 8737).
    TlsAlpn,
}

impl Kind {
    /// The type of the challenge.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Kind::Http => "http-01",
            Kind::TlsAlpn => "tls-alpn-01",
        }
    }

    /// The port that the ACME server connects to.
    pub(super) fn port(self) -> u16 {
        match self {
            Kind::Http => 80,
            Kind::TlsAlpn => 443,
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Kind::Http => Kind::TlsAlpn,
            Kind::TlsAlpn => Kind::Http,
        }
    }
}

/// One way to prove a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) kind: Kind,
    pub(super) url: String,
    pub(super) token: String,
}

/// Whether a name is proved, and how it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authorization {
    pub(super) status: String,
    /// Those that this server can answer.
    pub(super) challenges: Vec<Challenge>,
    /// Why one of all the challenges failed.
    pub(super) error: Option<Problem>,
}

impl Authorization {
    /// Reads an authorisation; `None` if it has no status.
    pub(super) fn read(object: &Value) -> Option<Self> {
        let challenges = object["challenges"].as_array();
        let challenges: Vec<&Value> = challenges.into_iter().flatten().collect();
        let read = |object: &&Value| {
            let kinds = [Kind::Http, Kind::TlsAlpn];
            let kind = kinds
                .into_iter()
                .find(|kind| object["type"] == kind.as_str())?;
            let token = text(object, "token").filter(|token| is_token(token))?;
            let url = text(object, "url")?;
            Some(Challenge { kind, url, token })
        };
        Some(Authorization {
            status: text(object, "status")?,
            error: challenges
                .iter()
                .find_map(|object| Problem::read(&object["error"])),
            challenges: challenges.iter().filter_map(read).collect(),
        })
    }
}

/// Whether a token is one (RFC 8555 §8.3): it becomes part of a path, so it must be nothing else.
pub(super) fn is_token(text: &str) -> bool {
    let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    matches!(text.len(), 1..=200) && text.bytes().all(is_base64url)
}

/// An error document (RFC 7807, RFC 8555 §6.7).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Problem {
    /// The type without what all ACME errors begin with.
    pub(super) kind: String,
    pub(super) detail: String,
    /// The documents of single names.
    pub(super) parts: Vec<Problem>,
}

impl Problem {
    /// Reads an error document; `None` if it is none.
    pub(super) fn read(object: &Value) -> Option<Self> {
        let kind = text(object, "type").unwrap_or_default();
        let detail = text(object, "detail").unwrap_or_default();
        let parts = object["subproblems"].as_array();
        let parts = parts.into_iter().flatten().take(8);
        let kind = kind.strip_prefix(ERROR).unwrap_or(&kind).to_owned();
        (!kind.is_empty() || !detail.is_empty()).then(|| Problem {
            kind,
            detail,
            // Of one level only: documents of strangers must not nest without end.
            parts: parts
                .filter_map(|part| {
                    Some(Problem {
                        kind: text(part, "type")?.trim_start_matches(ERROR).to_owned(),
                        detail: text(part, "detail").unwrap_or_default(),
                        parts: Vec::new(),
                    })
                })
                .collect(),
        })
    }

    /// Whether it, or the document of a name in it, is of this type.
    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind == kind || self.parts.iter().any(|part| part.kind == kind)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = match (&self.detail[..], &self.kind[..]) {
            ("", kind) => kind.to_owned(),
            (detail, "" | "about:blank") => detail.to_owned(),
            (detail, kind) => format!("{detail} ({kind})"),
        };
        for part in &self.parts {
            text += &format!("; {} ({})", part.detail, part.kind);
        }
        let mut characters = text.chars();
        // One line, whatever the server wrote.
        let shown = characters.by_ref().take(LONGEST);
        for character in shown {
            match is_dangerous(character) {
                true => f.write_str(" ")?,
                false => write!(f, "{character}")?,
            }
        }
        match characters.next() {
            Some(_) => f.write_str("…"),
            None => Ok(()),
        }
    }
}

/// A member that is text and not empty.
fn text(object: &Value, name: &str) -> Option<String> {
    let text = object[name].as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn error_documents_become_one_line() {
        let table = [
            (
                json!({"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many"}),
                Some("too many (rateLimited)"),
            ),
            (json!({"type": "about:blank", "detail": "no"}), Some("no")),
            (
                json!({"type": "urn:ietf:params:acme:error:caa"}),
                Some("caa"),
            ),
            (json!({"detail": "a\nb\u{1b}[1m"}), Some("a b [1m")),
            (
                // RFC 8555 §6.7.1.
                json!({
                    "type": "urn:ietf:params:acme:error:malformed",
                    "detail": "Some of the identifiers requested were rejected",
                    "subproblems": [
                        {
                            "type": "urn:ietf:params:acme:error:malformed",
                            "detail": "Invalid underscore in DNS name \"_example.org\"",
                            "identifier": {"type": "dns", "value": "_example.org"},
                        },
                        {
                            "type": "urn:ietf:params:acme:error:rejectedIdentifier",
                            "detail": "This CA will not issue for \"example.net\"",
                            "subproblems": [{"type": "x"}],
                        },
                    ],
                }),
                Some(
                    "Some of the identifiers requested were rejected (malformed); Invalid underscore \
                     in DNS name \"_example.org\" (malformed); This CA will not issue for \
                     \"example.net\" (rejectedIdentifier)",
                ),
            ),
            (json!({}), None),
            (json!(null), None),
            (json!([1]), None),
            (json!({"type": 5, "detail": ["x"]}), None),
        ];
        for (object, expected) in table {
            let got = Problem::read(&object).map(|problem| problem.to_string());
            assert_eq!(got.as_deref(), expected, "{object}");
        }
        let long = Problem::read(&json!({"detail": "ü".repeat(5000)})).unwrap();
        assert_eq!(long.to_string().chars().count(), LONGEST + 1);
    }

    #[test]
    fn only_challenges_that_can_be_answered_are_read() {
        let token = "DGyRejmCefe7v4NfDGDKfA";
        let object = json!({
            "status": "pending",
            "identifier": {"type": "dns", "value": "a.example"},
            "challenges": [
                {"type": "dns-01", "url": "https://c/0", "token": token},
                {"type": "http-01", "url": "https://c/1", "token": token},
                {"type": "tls-alpn-01", "url": "https://c/2", "token": token},
                {"type": "http-01", "url": "https://c/3", "token": "../../etc/passwd"},
                {"type": "http-01", "url": "https://c/4", "token": "a\r\nb"},
                {"type": "http-01", "url": "https://c/5"},
                {"type": "http-01", "token": token},
                "nonsense",
            ],
        });
        let read = Authorization::read(&object).unwrap();
        let urls: Vec<&str> = read.challenges.iter().map(|it| it.url.as_str()).collect();
        assert_eq!(urls, ["https://c/1", "https://c/2"]);
        assert_eq!(read.error, None);
        assert!(Authorization::read(&json!({"challenges": 5})).is_none());
    }

    #[test]
    fn a_directory_without_its_parts_is_none() {
        let whole = json!({
            "newNonce": "https://n", "newAccount": "https://a", "newOrder": "https://o",
            "renewalInfo": "https://r",
            "meta": {"termsOfService": "https://t", "externalAccountRequired": true},
        });
        let read = Directory::read(&whole).unwrap();
        assert_eq!(read.terms.as_deref(), Some("https://t"));
        assert_eq!(read.renewal_info.as_deref(), Some("https://r"));
        assert!(read.needs_external_account);
        for name in ["newNonce", "newAccount", "newOrder"] {
            let mut part = whole.clone();
            part[name] = json!(null);
            assert_eq!(Directory::read(&part), Err(name));
        }
        assert!(Directory::read(&json!("x")).is_err());
    }
}
