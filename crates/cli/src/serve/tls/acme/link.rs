//! The socket between the server and the process that orders: lines of JSON.
//!
//! | from | line | meaning |
//! |---|---|---|
//! | process | `{"ready":true}` | it has begun |
//! | process | `{"http":{TOKEN:TEXT},"tls_alpn":{NAME:TEXT}}` | answer these challenges only |
//! | server | `{"answering":true}` | they are answered from now on |
//! | server | `{"refused":WHY}` | they make no sense |
//! | server | `{"retry":true}` | SIGHUP: try again at once what failed |
//!
//! TEXT is the key authorisation (RFC 8555 §8.1). The server believes little of what comes: tokens
//! must be tokens, and names those that it was started with. Certificates and keys don't come this
//! way.

use super::names::Identifier;
use super::objects::is_token;
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use tinyhttp_server::Challenges;

/// The longest line.
const LONGEST: u64 = 16 * 1024;

/// The longest key authorisation: a token and a digest.
const LONGEST_TEXT: usize = 300;

/// The lines of the other side.
#[derive(Debug)]
pub(super) struct Lines(BufReader<UnixStream>);

impl Lines {
    pub(super) fn new(socket: UnixStream) -> Self {
        Lines(BufReader::new(socket))
    }

    /// Waits for the next line. `None` at the end of the socket.
    ///
    /// # Errors
    /// If the socket fails, or the line is too long or no JSON.
    pub(super) fn next(&mut self) -> io::Result<Option<Value>> {
        let mut line = Vec::new();
        (&mut self.0).take(LONGEST).read_until(b'\n', &mut line)?;
        match line.last() {
            None => Ok(None),
            Some(b'\n') => serde_json::from_slice(&line).map(Some).map_err(Into::into),
            Some(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// Sends a line.
///
/// # Errors
/// If the socket fails.
pub(super) fn send(mut socket: &UnixStream, object: &Value) -> io::Result<()> {
    socket.write_all(format!("{object}\n").as_bytes())
}

/// The challenges of a line, with names that are among these.
///
/// # Errors
/// Why the line makes no sense.
pub(super) fn challenges(object: &Value, names: &[Identifier]) -> Result<Challenges, String> {
    let mut challenges = Challenges::default();
    for (token, text) in object["http"].as_object().into_iter().flatten() {
        if !is_token(token) {
            return Err("a token is none".to_owned());
        }
        challenges = challenges.http(token, key_authorization(text)?);
    }
    for (name, text) in object["tls_alpn"].as_object().into_iter().flatten() {
        let found = names.iter().find(|known| known.to_string() == *name);
        let found = found.ok_or("a name is not among those of --acme")?;
        let answered = challenges.tls_alpn(&found.to_string(), key_authorization(text)?);
        challenges = answered.map_err(|error| error.to_string())?;
    }
    Ok(challenges)
}

/// A key authorisation: a token and a digest.
fn key_authorization(text: &Value) -> Result<&str, String> {
    let text = text.as_str().unwrap_or_default();
    let is_one = text.len() <= LONGEST_TEXT && text.split('.').all(is_token);
    is_one
        .then_some(text)
        .ok_or_else(|| "a key authorisation is none".to_owned())
}

/// The line that has these challenges answered.
pub(super) fn to_answer(http: &[(String, String)], tls_alpn: &[(String, String)]) -> Value {
    let object = |pairs: &[(String, String)]| -> Value {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)));
        Value::Object(pairs.collect())
    };
    json!({"http": object(http), "tls_alpn": object(tls_alpn)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_makes_sense_is_answered() {
        let names: Vec<Identifier> = vec!["a.example".parse().unwrap()];
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let table = [
            (vec![pair("token", "token.digest")], vec![], true),
            (vec![], vec![pair("a.example", "token.digest")], true),
            (vec![], vec![], true),
            (vec![pair("../x", "token.digest")], vec![], false),
            (vec![pair("token", "<script>")], vec![], false),
            (vec![pair("token", "a\r\nb")], vec![], false),
            (vec![pair("token", "")], vec![], false),
            (vec![pair("token", &"a".repeat(500))], vec![], false),
            (vec![], vec![pair("b.example", "token.digest")], false),
            (vec![], vec![pair("a.example", "no digest")], false),
        ];
        for (http, tls_alpn, makes_sense) in table {
            let line = to_answer(&http, &tls_alpn);
            assert_eq!(challenges(&line, &names).is_ok(), makes_sense, "{http:?}");
        }
        for nonsense in [json!(null), json!([]), json!({"http": 5})] {
            assert!(
                challenges(&nonsense, &names).is_ok(),
                "it has no challenges"
            );
        }
    }

    #[test]
    fn lines_have_an_end() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        send(&ours, &json!({"a": "x\ny"})).unwrap();
        (&ours).write_all(b"nonsense\n{\"b\":1}").unwrap();
        drop(ours);
        let mut lines = Lines::new(theirs);
        assert_eq!(lines.next().unwrap(), Some(json!({"a": "x\ny"})));
        assert!(lines.next().is_err());
        assert!(lines.next().is_err(), "the line is cut off");
        assert_eq!(lines.next().unwrap(), None);
        let (ours, theirs) = UnixStream::pair().unwrap();
        let long = std::thread::spawn(move || {
            let _ = (&ours).write_all(&vec![b' '; LONGEST as usize + 10]);
        });
        assert!(Lines::new(theirs).next().is_err());
        long.join().unwrap();
    }
}
