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
    /// Parses a file; `None` if a quote in it is not closed. Words that belong to no entry are
    /// ignored.
    pub(in crate::get) fn parse(text: &[u8]) -> Option<Self> {
        let mut entries = Vec::new();
        let mut words = words(text)?.into_iter().peekable();
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
        Some(Netrc(entries))
    }

    /// The first entry for that host, or the default one. With a user, the first entry for the
    /// host that has a password for this login or names no login; otherwise one with this login.
    pub(in crate::get) fn look_up(&self, host: &str, user: Option<&[u8]>) -> Option<Login> {
        let is_for_host = |machine: &Vec<u8>| machine.eq_ignore_ascii_case(host.as_bytes());
        let fits = |entry: &&Entry| {
            entry.machine.as_ref().is_none_or(is_for_host)
                && user.is_none_or(|user| entry.login.as_deref().unwrap_or(user) == user)
        };
        let mut fitting = self.0.iter().filter(fits);
        let has_password = |entry: &&Entry| user.is_none() || entry.password.is_some();
        let entry = fitting
            .clone()
            .find(has_password)
            .or_else(|| fitting.next())?;
        let login = entry.login.clone().or(user.map(<[u8]>::to_vec));
        Some(Login {
            user: login.unwrap_or_default(),
            password: entry.password.clone().unwrap_or_default(),
        })
    }
}

/// Words, by white space; `None` if a quote is not closed. In quotes a word may have spaces; `\n`,
/// `\r` and `\t` are control characters there, and `\` takes any other byte as it is. `#` begins a
/// comment, and a macro ends at the next empty line.
fn words(text: &[u8]) -> Option<Vec<Vec<u8>>> {
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
            let mut is_open = is_quoted;
            while let Some(byte) = rest.next() {
                match byte {
                    b'"' if is_quoted => {
                        is_open = false;
                        break;
                    }
                    b'\\' if is_quoted => word.extend(rest.next().map(unescaped)),
                    other if other.is_ascii_whitespace() && !is_quoted => break,
                    other => word.push(other),
                }
            }
            if is_open {
                return None;
            }
            while rest.next_if(u8::is_ascii_whitespace).is_some() {}
            if word == b"macdef" && !is_quoted {
                is_macro = true;
                break;
            }
            words.push(word);
        }
    }
    Some(words)
}

/// The byte that stands for another one behind a backslash.
fn unescaped(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        other => other,
    }
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
            let found = Netrc::parse(text.as_bytes())
                .unwrap()
                .look_up(host, None)
                .unwrap();
            let want = Login {
                user: user.into(),
                password: password.into(),
            };
            assert_eq!(found, want, "{host}");
        }
        for text in ["", "machine", "machine b.test login x"] {
            assert_eq!(
                Netrc::parse(text.as_bytes())
                    .unwrap()
                    .look_up("a.test", None),
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
            Netrc::parse(text)
                .unwrap()
                .look_up("a.test", None)
                .unwrap()
                .password,
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
            let found = Netrc::parse(text)
                .unwrap()
                .look_up("a.test", Some(user.as_bytes()));
            let found = found.map(|login| login.password);
            assert_eq!(found.as_deref(), want.map(str::as_bytes), "{user}");
        }
    }

    #[test]
    fn entries_without_a_login_or_a_password() {
        let table = r#"
            machine a password p => me:p
            machine a password x login you machine a password p => me:p
            machine a login me machine a password x login you => me:
            machine a login me machine a login me password p => me:p
            machine a machine a login me password "p\n\r\t\q" => me:p\n\r\tq
            machine a login you => -
            machine a => -
        "#;
        for (text, want) in table::cases(table) {
            let netrc = Netrc::parse(text.as_bytes()).unwrap();
            let found = netrc.look_up("a", Some(b"me"));
            let found = found.map(|login| [login.user, b":".to_vec(), login.password].concat());
            let want = (want != "-").then(|| table::bytes(want));
            assert_eq!(found, want, "{text}");
        }
    }

    #[test]
    fn quotes_that_stay_open() {
        for (text, want) in [
            ("machine a login \"b\" password \"c d\"", true),
            ("machine a login \"b", false),
            ("machine a login \"b\\\" password c\n", false),
            ("machine a # \"b", true),
        ] {
            assert_eq!(Netrc::parse(text.as_bytes()).is_some(), want, "{text}");
        }
    }
}
