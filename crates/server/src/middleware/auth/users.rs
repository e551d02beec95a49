//! Users and their passwords, in the format of `htpasswd`.

use sha_crypt::{PasswordVerifier, ShaCrypt, password_hash};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use subtle::ConstantTimeEq;

/// Users by name. Names and passwords are bytes, because files and clients may write them in any
/// charset.
///
/// ```
/// use tinyhttp_server::middleware::Users;
///
/// // As `htpasswd -nbB ann secret` prints it.
/// let line = "ann:$2y$05$iDgr9OlobZb4nREs9zDpIuQ7hdzlzcxLi/3zy/4UR8hWcdTFU0/X2";
/// let users = Users::new().hashed(line);
/// # let _ = users;
/// assert!(Users::new().hashed("ann:secret").is_err());
/// ```
#[derive(Default)]
pub struct Users(BTreeMap<Vec<u8>, Secret>);

/// The stored form of a password.
enum Secret {
    Bcrypt(String),
    /// SHA-256-crypt or SHA-512-crypt.
    ShaCrypt(String),
    /// The password itself, hashed only so that a comparison takes the same time for all lengths.
    Plain([u8; 32]),
}

/// A line that can't be a user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidUser {
    /// It isn't `name:…`, with a name that isn't empty.
    Malformed,
    /// The part after the name is not a hash that is safe to use.
    Hash {
        /// The user's name.
        name: String,
    },
    /// There already is a user with this name.
    Twice {
        /// The user's name.
        name: String,
    },
    /// A line of a file, counted from 1.
    Line {
        /// The line's number.
        number: usize,
        /// The error in the line.
        source: Box<InvalidUser>,
    },
}

impl fmt::Display for InvalidUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidUser::Malformed => f.write_str("a user is written as name:hash"),
            InvalidUser::Hash { name } => write!(
                f,
                "the password of {name:?} has to be hashed with bcrypt or SHA-crypt: htpasswd -nB {name:?}, or openssl passwd -6"
            ),
            InvalidUser::Twice { name } => write!(f, "there are two users called {name:?}"),
            InvalidUser::Line { number, .. } => write!(f, "line {number} is not a user"),
        }
    }
}

impl std::error::Error for InvalidUser {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            InvalidUser::Line { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl Users {
    /// No users.
    #[must_use]
    pub fn new() -> Self {
        Users::default()
    }

    /// Whether there are no users.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds `name:hash`; bcrypt (`$2a$`, `$2b$`, `$2y$`), SHA-256-crypt (`$5$`) or SHA-512-crypt
    /// (`$6$`).
    ///
    /// bcrypt by definition hashes the first 72 bytes of a password and ignores the rest. SHA-crypt
    /// uses all of them, up to the 512 bytes that [`Auth`](super::Auth) accepts.
    ///
    /// # Errors
    /// [`InvalidUser`].
    pub fn hashed(self, line: impl AsRef<[u8]>) -> Result<Self, InvalidUser> {
        let (name, hash) = split(line.as_ref())?;
        let secret = Secret::parse(hash).ok_or_else(|| InvalidUser::Hash { name: shown(name) })?;
        self.add(name, secret)
    }

    /// Adds `name:hash` or `name:password`. A password in clear text can be read where it is
    /// stored; on a command line, by every user of the machine.
    ///
    /// # Errors
    /// [`InvalidUser`].
    pub fn plain(self, line: impl AsRef<[u8]>) -> Result<Self, InvalidUser> {
        let (name, text) = split(line.as_ref())?;
        match Secret::parse(text) {
            Some(secret) => self.add(name, secret),
            // An unknown hash must not become a password.
            None if text.starts_with(b"$") || text.starts_with(b"{SHA}") => {
                Err(InvalidUser::Hash { name: shown(name) })
            }
            None => self.add(name, Secret::Plain(Sha256::digest(text).into())),
        }
    }

    /// Adds the users of a file, one per line, hashed or plain. Empty lines and lines that begin
    /// with `#` are skipped.
    ///
    /// # Errors
    /// [`InvalidUser::Line`].
    pub fn file(self, content: impl AsRef<[u8]>) -> Result<Self, InvalidUser> {
        let mut users = self;
        let lines = content.as_ref().split(|byte| *byte == b'\n');
        for (number, line) in lines.enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !line.trim_ascii().is_empty() && !line.starts_with(b"#") {
                let failed = |source| InvalidUser::Line {
                    number: number + 1,
                    source: Box::new(source),
                };
                users = users.plain(line).map_err(failed)?;
            }
        }
        Ok(users)
    }

    fn add(mut self, name: &[u8], secret: Secret) -> Result<Self, InvalidUser> {
        match self.0.insert(name.to_owned(), secret) {
            None => Ok(self),
            Some(_) => Err(InvalidUser::Twice { name: shown(name) }),
        }
    }

    /// Whether `password` is the user's. Takes the same time for all names, known or not.
    pub(super) fn verify(&self, name: &[u8], password: &[u8]) -> bool {
        let mut is_right = false;
        for secret in self.checked_for(name) {
            let is_theirs = self
                .0
                .get(name)
                .is_some_and(|own| std::ptr::eq(own, secret));
            is_right |= secret.is(password) && is_theirs;
        }
        is_right
    }

    /// The secrets that a password is checked against: one of each cost in use, and of these the
    /// user's own where it has that cost. Checking only the user's own secret would reveal which
    /// names exist, and which hash each of them has.
    fn checked_for(&self, name: &[u8]) -> Vec<&Secret> {
        let mut of_each_cost = BTreeMap::new();
        for secret in self.0.values() {
            of_each_cost.entry(secret.cost()).or_insert(secret);
        }
        if let Some(own) = self.0.get(name) {
            of_each_cost.insert(own.cost(), own);
        }
        of_each_cost.into_values().collect()
    }
}

fn split(line: &[u8]) -> Result<(&[u8], &[u8]), InvalidUser> {
    let colon = line.iter().position(|byte| *byte == b':');
    let colon = colon
        .filter(|colon| *colon > 0)
        .ok_or(InvalidUser::Malformed)?;
    Ok((&line[..colon], &line[colon + 1..]))
}

/// A name as text, in which `\xe9` stands for a byte that is not UTF-8.
pub(super) fn shown(name: &[u8]) -> String {
    let pieces = name.utf8_chunks().map(|piece| {
        let invalid = piece.invalid().escape_ascii();
        format!("{}{invalid}", piece.valid())
    });
    pieces.collect()
}

impl Secret {
    /// The kind of hash and its number of rounds, as written before the salt: secrets with the same
    /// cost take the same time.
    fn cost(&self) -> String {
        match self {
            Secret::Bcrypt(hash) => {
                let rounds = hash.split('$').nth(2).unwrap_or_default();
                format!("bcrypt {rounds}")
            }
            Secret::ShaCrypt(hash) => {
                let mut parts = hash.split('$').skip(1);
                let kind = parts.next().unwrap_or_default();
                let rounds = parts.next().and_then(|part| part.strip_prefix("rounds="));
                format!("sha-crypt {kind} {}", rounds.unwrap_or("5000"))
            }
            Secret::Plain(_) => "plain".to_owned(),
        }
    }

    /// Parses a hash; `None` if it is of an unknown kind or incomplete.
    fn parse(hash: &[u8]) -> Option<Self> {
        // Hashes are ASCII.
        let hash = std::str::from_utf8(hash).ok()?;
        if ["$2a$", "$2b$", "$2y$"]
            .iter()
            .any(|prefix| hash.starts_with(prefix))
        {
            let is_whole = hash.parse::<bcrypt::HashParts>().is_ok();
            return is_whole.then(|| Secret::Bcrypt(hash.to_owned()));
        }
        let digest = hash.rsplit('$').next().unwrap_or_default();
        let is_whole = match hash.get(..3)? {
            "$5$" => digest.len() == 43,
            "$6$" => digest.len() == 86,
            _ => false,
        };
        // Other errors show when the hash is used.
        let is_usable = || match ShaCrypt::default().verify_password(b"", hash) {
            Ok(()) | Err(password_hash::Error::PasswordInvalid) => true,
            Err(_) => false,
        };
        (is_whole && is_usable()).then(|| Secret::ShaCrypt(hash.to_owned()))
    }

    fn is(&self, password: &[u8]) -> bool {
        match self {
            Secret::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Secret::ShaCrypt(hash) => {
                let hash = hash.as_str();
                ShaCrypt::default().verify_password(password, hash).is_ok()
            }
            Secret::Plain(digest) => {
                let theirs: [u8; 32] = Sha256::digest(password).into();
                bool::from(theirs.ct_eq(digest))
            }
        }
    }
}

impl fmt::Debug for Users {
    /// Shows the names, and nothing of the passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.keys().map(|name| shown(name)))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCRYPT: &str = "$2y$05$iDgr9OlobZb4nREs9zDpIuQ7hdzlzcxLi/3zy/4UR8hWcdTFU0/X2";
    const SHA512: &str = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";
    const SHA256: &str = "$5$abcdefgh$QohcF7QwIaa385DT5GzqHwNlO583.hkCNgp9Vkr/uNC";

    #[test]
    fn hashes_of_all_kinds() {
        let users = Users::new()
            .hashed(format!("sha:{SHA512}"))
            .unwrap()
            .hashed(format!("short:{SHA256}"))
            .unwrap()
            .plain("plain:Hello world!")
            .unwrap();
        for name in ["sha", "short", "plain"] {
            assert!(users.verify(name.as_bytes(), b"Hello world!"), "{name}");
            assert!(!users.verify(name.as_bytes(), b"Hello world"), "{name}");
            assert!(!users.verify(name.as_bytes(), b""), "{name}");
        }
        assert!(!users.verify(b"unknown", b"Hello world!"));
        assert_eq!(format!("{users:?}"), "{\"plain\", \"sha\", \"short\"}");
    }

    /// CVE-2024-23771 (darkhttpd), CVE-2026-27480 (SWS): the time of a check reveals neither
    /// whether a user exists nor which kind of hash it has.
    #[test]
    fn every_name_costs_the_same() {
        let cheap = bcrypt::hash("secret", 4).unwrap();
        let users = Users::new()
            .hashed(format!("ann:{BCRYPT}"))
            .unwrap()
            .hashed(format!("bob:{cheap}"))
            .unwrap()
            .hashed(format!("cem:{cheap}"))
            .unwrap()
            .hashed(format!("sha:{SHA512}"))
            .unwrap()
            .hashed(format!("short:{SHA256}"))
            .unwrap()
            .plain("plain:secret")
            .unwrap();
        let costs = |name: &str| {
            let checked = users.checked_for(name.as_bytes()).into_iter();
            checked.map(Secret::cost).collect::<Vec<_>>()
        };
        let want = [
            "bcrypt 04",
            "bcrypt 05",
            "plain",
            "sha-crypt 5 5000",
            "sha-crypt 6 5000",
        ];
        for name in ["unknown", "", "ann", "bob", "cem", "sha", "short", "plain"] {
            assert_eq!(costs(name), want, "{name}");
        }
        for (name, is_right) in [
            ("bob", true),
            ("cem", true),
            ("plain", true),
            ("ann", false),
            ("sha", false),
            ("unknown", false),
        ] {
            assert_eq!(users.verify(name.as_bytes(), b"secret"), is_right, "{name}");
        }
        assert!(!Users::new().verify(b"unknown", b"secret"));
    }

    #[test]
    fn bcrypt_hashes() {
        let hash = bcrypt::hash("secret", 4).unwrap();
        let users = Users::new().hashed(format!("a:{hash}")).unwrap();
        assert!(users.verify(b"a", b"secret"));
        assert!(!users.verify(b"a", b"Secret"));
    }

    #[test]
    fn files() {
        let content = format!("# users\n\nann:{BCRYPT}\r\nbob:pass:word\n");
        let users = Users::new().file(content).unwrap();
        assert!(users.verify(b"bob", b"pass:word"));
        let error = Users::new().file("a:b\n:c\n").unwrap_err();
        assert_eq!(error.to_string(), "line 2 is not a user");
        assert!(
            matches!(error, InvalidUser::Line { source, .. } if *source == InvalidUser::Malformed)
        );
    }

    /// A byte that is not UTF-8 rejects neither the file nor the user.
    #[test]
    fn files_in_any_charset() {
        let content = format!("# caf\u{e9}\nann:{BCRYPT}\n").into_bytes();
        let latin_1 = b"# caf\xe9\nb\xf6b:p\xe4ss\r\n\xff:\xff\n";
        let users = Users::new().file([&content[..], latin_1].concat()).unwrap();
        assert!(users.verify(b"b\xf6b", b"p\xe4ss"));
        assert!(users.verify(b"\xff", b"\xff"));
        assert!(!users.verify(b"b\xf6b", b"p\xc3\xa4ss"));
        assert!(!users.verify(b"b\xef\xbf\xbdb", b"p\xe4ss"));
        let names = [r"ann", r"b\xf6b", r"\xff"].map(|name| format!("{name:?}"));
        assert_eq!(format!("{users:?}"), format!("{{{}}}", names.join(", ")));
        let error = Users::new().plain(b"b\xf6b:$apr1$x").unwrap_err();
        assert_eq!(
            error,
            InvalidUser::Hash {
                name: r"b\xf6b".to_owned()
            }
        );
    }

    #[test]
    fn invalid_users_are_refused() {
        for line in ["", "a", ":", ":hash"] {
            assert_eq!(
                Users::new().plain(line).unwrap_err(),
                InvalidUser::Malformed,
                "{line}"
            );
        }
        for hash in [
            "",
            "secret",
            "$1$salt$x",
            "$apr1$salt$x",
            "{SHA}x",
            "$2y$05$short",
            "$6$",
            "$6$rounds=5$a$b",
        ] {
            let line = format!("a:{hash}");
            assert!(
                matches!(Users::new().hashed(&line), Err(InvalidUser::Hash { .. })),
                "{line}"
            );
        }
        assert!(matches!(
            Users::new().plain("a:$apr1$salt$x"),
            Err(InvalidUser::Hash { .. })
        ));
        let twice = Users::new().plain("a:b").unwrap().plain("a:c");
        assert!(matches!(twice, Err(InvalidUser::Twice { .. })));
    }
}
