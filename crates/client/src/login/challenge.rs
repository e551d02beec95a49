//! Reads the challenges in `WWW-Authenticate` (RFC 9110 §11.6.1).
//!
//! Both the challenges of a field and the parameters of a challenge are separated by commas. A
//! member that begins with a token and white space begins a challenge:
//!
//! ```text
//! Basic realm="a", Digest realm="b, c", nonce="d", Negotiate abc==, qop="auth"
//! ╰──────────────╯ ╰───────────────────────────╯  ╰────────────╯  ╰ belongs to Negotiate
//! ```

use http::{HeaderMap, header};

/// The most bytes of all challenges that are read.
const LONGEST: usize = 16 * 1024;

/// A challenge: its scheme, and its parameters with lower-case names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) scheme: String,
    parameters: Vec<(String, Vec<u8>)>,
}

impl Challenge {
    /// The first value of a parameter, without quotes and escapes.
    pub(super) fn parameter(&self, name: &str) -> Option<&[u8]> {
        let found = self.parameters.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_slice())
    }

    /// Whether a parameter is given twice, so that its meaning is unknown.
    pub(super) fn is_ambiguous(&self) -> bool {
        let names = self.parameters.iter().map(|(name, _)| name);
        let mut names: Vec<&String> = names.collect();
        names.sort();
        names.windows(2).any(|pair| pair[0] == pair[1])
    }
}

/// The challenges of a response, in order. Members that can't be read are skipped.
pub(super) fn challenges(fields: &HeaderMap) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    let mut left = LONGEST;
    for value in fields.get_all(header::WWW_AUTHENTICATE) {
        let value = value.as_bytes();
        left = match left.checked_sub(value.len()) {
            Some(left) => left,
            None => break,
        };
        let mut is_continued = false;
        for member in members(value) {
            let (scheme, rest) = start(member);
            if let Some(scheme) = scheme {
                found.push(Challenge {
                    scheme: scheme.to_ascii_lowercase(),
                    parameters: Vec::new(),
                });
                is_continued = true;
            }
            // A parameter without a scheme before it in its line belongs to no challenge.
            let challenge = found.last_mut().filter(|_| is_continued);
            if let (Some(challenge), Some(parameter)) = (challenge, parameter(rest)) {
                challenge.parameters.push(parameter);
            }
        }
    }
    found
}

/// Splits at the commas that are not within quotes.
fn members(value: &[u8]) -> Vec<&[u8]> {
    let mut members = Vec::new();
    let (mut start, mut is_quoted, mut is_escaped) = (0, false, false);
    for (at, byte) in value.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => {
                members.push(value[start..at].trim_ascii());
                start = at + 1;
            }
            _ => {}
        }
    }
    members.push(value[start..].trim_ascii());
    members.retain(|member| !member.is_empty());
    members
}

/// The scheme that begins with a member, and the rest of the member.
fn start(member: &[u8]) -> (Option<String>, &[u8]) {
    let end = member.iter().position(|byte| !is_token(*byte));
    let (token, rest) = member.split_at(end.unwrap_or(member.len()));
    let behind = rest.trim_ascii_start();
    // `name = value` has white space too (RFC 9110 §5.6.3 calls it bad).
    let is_scheme = !token.is_empty()
        && match behind.first() {
            None => true,
            Some(b'=') => false,
            Some(_) => behind.len() < rest.len(),
        };
    if !is_scheme {
        return (None, member);
    }
    (Some(String::from_utf8_lossy(token).into_owned()), behind)
}

/// `name=token` or `name="quoted"`.
fn parameter(text: &[u8]) -> Option<(String, Vec<u8>)> {
    let equals = text.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (text[..equals].trim_ascii(), text[equals + 1..].trim_ascii());
    if name.is_empty() || !name.iter().copied().all(is_token) {
        return None;
    }
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let Some(quoted) = value.strip_prefix(b"\"") else {
        let is_plain = !value.is_empty() && value.iter().copied().all(is_token);
        return is_plain.then(|| (name, value.to_vec()));
    };
    let mut content = Vec::new();
    let mut bytes = quoted.iter();
    loop {
        match bytes.next()? {
            b'"' => break,
            b'\\' => content.push(*bytes.next()?),
            byte => content.push(*byte),
        }
    }
    bytes.as_slice().is_empty().then_some((name, content))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scheme name=value name=value; scheme …`
    fn shown(challenges: &[Challenge]) -> String {
        let one = |challenge: &Challenge| {
            let parameters = challenge.parameters.iter();
            let parameters =
                parameters.map(|(name, value)| format!(" {name}={}", value.escape_ascii()));
            challenge.scheme.clone() + &parameters.collect::<String>()
        };
        challenges.iter().map(one).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn challenges_are_read() {
        let table: &[(&[&str], &str)] = &[
            (&[], ""),
            (&["Basic realm=\"a\""], "basic realm=a"),
            (&["DIGEST Realm=a, NONCE=\"b\""], "digest realm=a nonce=b"),
            (
                &["Basic realm=\"a\", Digest realm=\"b, c\", nonce=\"d\""],
                "basic realm=a; digest realm=b, c nonce=d",
            ),
            (
                &["Negotiate abc==, Digest nonce=x", "Basic realm=y"],
                "negotiate; digest nonce=x; basic realm=y",
            ),
            (&["Negotiate, Digest nonce=x"], "negotiate; digest nonce=x"),
            (&["Digest a = b , c= \"d\""], "digest a=b c=d"),
            (
                &["Digest realm=\"a\\\"b\\\\c\", x=1"],
                "digest realm=a\\\"b\\\\c x=1",
            ),
            (&[",, Digest x=1,,y=2,"], "digest x=1 y=2"),
            // What can't be read is skipped.
            (&["Digest x=\"open, y=2"], "digest"),
            (&["Digest x=\"a\"b, y=2"], "digest y=2"),
            (&["Digest w=, x=\"\"z, y=2, z\u{e9}=3"], "digest y=2"),
            (&["x=1, Digest y=2"], "digest y=2"),
            (&["Digest x=1", "y=2"], "digest x=1"),
        ];
        for (lines, want) in table {
            let mut fields = HeaderMap::new();
            for line in *lines {
                let value = http::HeaderValue::from_bytes(line.as_bytes()).unwrap();
                fields.append(header::WWW_AUTHENTICATE, value);
            }
            assert_eq!(shown(&challenges(&fields)), *want, "{lines:?}");
        }
    }
}
