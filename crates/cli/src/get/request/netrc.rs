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

/// The entries of a file, parsed once.
#[derive(Debug)]
pub(in crate::get) struct Netrc(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    /// `None`: the default entry.
    machine: Option<Vec<u8>>,
    login: Option<Vec<u8>>,
    password: Option<Vec<u8>>,
}

impl Netrc {
    /// Parses a file. Words that belong to no entry are ignored.
    pub(in crate::get) fn parse(text: &[u8]) -> Self {
        let mut entries = Vec::new();
        let mut words = words(text).into_iter().peekable();
        while let Some(word) = words.next() {
            let machine = match &*word {
                b"machine" => match words.next() {
                    None => break,
                    name => name,
                },
                b"default" => None,
                _ => continue,
            };
            let (mut login, mut password) = (None, None);
            while let Some(key) = words.next_if(|word| !matches!(&**word, b"machine" | b"default"))
            {
                match &*key {
                    b"login" => login = words.next(),
                    b"password" => password = words.next(),
                    b"account" => drop(words.next()),
                    _ => {}
                }
            }
            if login.is_some() || password.is_some() {
                entries.push(Entry {
                    machine,
                    login,
                    password,
                });
            }
        }
        Netrc(entries)
    }

    /// The first entry for that host, or the default one. With a user, the first entry for the
    /// host that has this login.
    pub(in crate::get) fn look_up(&self, host: &str, user: Option<&[u8]>) -> Option<Login> {
        let is_for_host = |machine: &Vec<u8>| machine.eq_ignore_ascii_case(host.as_bytes());
        let fits = |entry: &&Entry| {
            entry.machine.as_ref().is_none_or(is_for_host)
                && user.is_none_or(|user| entry.login.as_deref() == Some(user))
        };
        let entry = self.0.iter().find(fits)?;
        Some(Login {
            user: entry.login.clone().unwrap_or_default(),
            password: entry.password.clone().unwrap_or_default(),
        })
    }
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
            let found = Netrc::parse(text.as_bytes()).look_up(host, None).unwrap();
            let want = Login {
                user: user.into(),
                password: password.into(),
            };
            assert_eq!(found, want, "{host}");
        }
        for text in ["", "machine", "machine b.test login x"] {
            assert_eq!(
                Netrc::parse(text.as_bytes()).look_up("a.test", None),
                None,
                "{text}"
            );
        }
    }

    /// A file is not refused for a byte that is no UTF-8, and passwords keep such bytes.
    #[test]
    fn bytes_are_kept() {
        let text = b"# caf\xe9\nmachine a.test login me password p\xe4ss\n";
        assert_eq!(
            Netrc::parse(text).look_up("a.test", None).unwrap().password,
            b"p\xe4ss"
        );
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
            let found = Netrc::parse(text).look_up("a.test", Some(user.as_bytes()));
            let found = found.map(|login| login.password);
            assert_eq!(found.as_deref(), want.map(str::as_bytes), "{user}");
        }
    }
}
