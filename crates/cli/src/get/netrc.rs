//! `~/.netrc`: users and passwords of hosts, as ftp and curl read it.
//!
//! ```text
//! machine example.org login me password secret
//! default login anonymous password me@example.org
//! ```

use tinyhttp_client::Credentials;

/// The first entry for that host, or the default one.
pub(super) fn look_up(text: &str, host: &str) -> Option<Credentials> {
    let mut words = words(text).into_iter().peekable();
    while let Some(word) = words.next() {
        let fits = match word.as_str() {
            "machine" => words.next()?.eq_ignore_ascii_case(host),
            "default" => true,
            _ => continue,
        };
        let (mut user, mut password) = (None, None);
        while let Some(key) = words.next_if(|word| !matches!(word.as_str(), "machine" | "default"))
        {
            match key.as_str() {
                "login" => user = words.next(),
                "password" => password = words.next(),
                "account" => drop(words.next()),
                _ => {}
            }
        }
        if fits && (user.is_some() || password.is_some()) {
            return Some(Credentials {
                user: user.unwrap_or_default(),
                password: password.unwrap_or_default(),
            });
        }
    }
    None
}

/// Words, by white space; in quotes one may have spaces, and `\` takes the next character as it is. `#` begins a comment,
/// and a macro goes on to the next empty line.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut is_macro = false;
    for line in text.lines() {
        if is_macro {
            is_macro = !line.trim().is_empty();
            continue;
        }
        let mut rest = line.trim_start().chars().peekable();
        while let Some(&first) = rest.peek() {
            if first == '#' {
                break;
            }
            let is_quoted = rest.next_if_eq(&'"').is_some();
            let mut word = String::new();
            while let Some(character) = rest.next() {
                match character {
                    '"' if is_quoted => break,
                    '\\' if is_quoted => word.extend(rest.next()),
                    other if other.is_whitespace() && !is_quoted => break,
                    other => word.push(other),
                }
            }
            while rest
                .next_if(|character| character.is_whitespace())
                .is_some()
            {}
            if word == "macdef" && !is_quoted {
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
            let found = look_up(text, host).unwrap();
            assert_eq!(
                (found.user.as_str(), found.password.as_str()),
                (user, password),
                "{host}"
            );
        }
        assert!(look_up("", "a.test").is_none());
        assert!(look_up("machine", "a.test").is_none());
        assert!(look_up("machine b.test login x", "a.test").is_none());
    }
}
