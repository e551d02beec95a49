//! `~/.netrc`: users and passwords of hosts, as ftp and curl read it.
//!
//! ```text
//! machine example.org login me password secret
//! default login anonymous password me@example.org
//! ```

/// A login and its password, as the bytes in the file.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::get) struct Login {
    pub(in crate::get) user: Vec<u8>,
    pub(in crate::get) password: Vec<u8>,
}

/// The first entry for that host, or the default one. With a user, the first entry for the host
/// that has this login.
pub(in crate::get) fn look_up(text: &[u8], host: &str, user: Option<&[u8]>) -> Option<Login> {
    let mut words = words(text).into_iter().peekable();
    while let Some(word) = words.next() {
        let fits = match &*word {
            b"machine" => words.next()?.eq_ignore_ascii_case(host.as_bytes()),
            b"default" => true,
            _ => continue,
        };
        let (mut login, mut password) = (None, None);
        while let Some(key) = words.next_if(|word| !matches!(&**word, b"machine" | b"default")) {
            match &*key {
                b"login" => login = words.next(),
                b"password" => password = words.next(),
                b"account" => drop(words.next()),
                _ => {}
            }
        }
        let is_theirs = user.is_none_or(|user| login.as_deref() == Some(user));
        if fits && is_theirs && (login.is_some() || password.is_some()) {
            return Some(Login {
                user: login.unwrap_or_default(),
                password: password.unwrap_or_default(),
            });
        }
    }
    None
}

/// Words, by white space; in quotes one may have spaces, and `\` takes the next byte as it is. `#`
/// begins a comment, and a macro ends at the next empty line.
fn words(text: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut is_macro = false;
    for line in text.split(|byte| *byte == b'\n') {
        if is_macro {
            is_macro = !line.trim_ascii().is_empty();
            continue;
        }
        let mut rest = line.trim_ascii_start().iter().copied().peekable();
        while let Some(&first) = rest.peek() {
            if first == b'#' {
                break;
            }
            let is_quoted = rest.next_if_eq(&b'"').is_some();
            let mut word = Vec::new();
            while let Some(byte) = rest.next() {
                match byte {
                    b'"' if is_quoted => break,
                    b'\\' if is_quoted => word.extend(rest.next()),
                    other if other.is_ascii_whitespace() && !is_quoted => break,
                    other => word.push(other),
                }
            }
            while rest.next_if(u8::is_ascii_whitespace).is_some() {}
            if word == b"macdef" && !is_quoted {
                is_macro = true;
                break;
            }
            words.push(word);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries() {
        let text = "# mine\n\
            machine a.test login me password one\n\
            macdef init\nmachine evil.test login x password y\n\n\
            machine B.test\n  login \"a b\"\n  password \"q\\\"#\"   # comment\n\
            machine c.test account x login only\n\
            default login anonymous password guest\n\
            machine late.test login never password seen\n";
        let table = [
            ("a.test", "me", "one"),
            ("A.TEST", "me", "one"),
            ("b.test", "a b", "q\"#"),
            ("c.test", "only", ""),
            ("evil.test", "anonymous", "guest"),
            ("other.test", "anonymous", "guest"),
        ];
        for (host, user, password) in table {
            let found = look_up(text.as_bytes(), host, None).unwrap();
            let want = Login {
                user: user.into(),
                password: password.into(),
            };
            assert_eq!(found, want, "{host}");
        }
        for text in ["", "machine", "machine b.test login x"] {
            assert_eq!(look_up(text.as_bytes(), "a.test", None), None, "{text}");
        }
    }

    /// A file is not refused for a byte that is no UTF-8, and passwords keep such bytes.
    #[test]
    fn bytes_are_kept() {
        let text = b"# caf\xe9\nmachine a.test login me password p\xe4ss\n";
        assert_eq!(look_up(text, "a.test", None).unwrap().password, b"p\xe4ss");
    }

    /// The entry of the user that the URL names, and none of another one.
    #[test]
    fn entries_of_a_user() {
        let text = b"machine a.test login me password one\nmachine a.test login you password two\n\
            default login guest password three\n";
        for (user, want) in [
            ("me", Some("one")),
            ("you", Some("two")),
            ("guest", Some("three")),
            ("unknown", None),
        ] {
            let found = look_up(text, "a.test", Some(user.as_bytes()));
            let found = found.map(|login| login.password);
            assert_eq!(found.as_deref(), want.map(str::as_bytes), "{user}");
        }
    }
}
