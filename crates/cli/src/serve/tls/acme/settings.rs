//! What the process that orders is started with.

use super::names::Identifier;
use super::objects::Kind;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::PathBuf;
use url::Url;

/// What is ordered, where, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::serve) struct Settings {
    pub(super) names: Vec<Identifier>,
    pub(super) directory: Url,
    pub(super) email: Option<String>,
    /// Certificates that are trusted instead of the machine's.
    pub(super) ca: Option<PathBuf>,
    /// The directory of the [`Store`](super::store::Store).
    pub(super) store: PathBuf,
    /// The kind of challenge to begin with.
    pub(super) kind: Kind,
    pub(super) is_sandboxed: bool,
    /// The flags -v and -q, and whether log lines are JSON.
    pub(super) log: (bool, bool, bool),
}

impl Settings {
    /// The arguments of the process. They hold no secrets.
    pub(super) fn to_args(&self) -> Vec<OsString> {
        let names: Vec<String> = self.names.iter().map(Identifier::to_string).collect();
        let (verbose, quiet, is_json) = self.log;
        let object = json!({
            "names": names,
            "directory": self.directory.as_str(),
            "email": self.email,
            "challenge": self.kind.as_str(),
            "sandbox": self.is_sandboxed,
            "log": [verbose, quiet, is_json],
        });
        let ca = self.ca.clone().unwrap_or_default();
        vec![
            object.to_string().into(),
            self.store.clone().into(),
            ca.into(),
        ]
    }

    /// Reads the arguments. `None` if they are not those of [`to_args`](Settings::to_args).
    pub(super) fn from_args(mut args: impl Iterator<Item = OsString>) -> Option<Self> {
        let object = args.next()?.into_string().ok()?;
        let object: Value = serde_json::from_str(&object).ok()?;
        let (store, ca) = (PathBuf::from(args.next()?), PathBuf::from(args.next()?));
        let names = object["names"].as_array()?.iter();
        let kinds = [Kind::Http, Kind::TlsAlpn];
        let log = |at: usize| object["log"][at].as_bool();
        Some(Settings {
            names: names
                .map(|name| name.as_str()?.parse().ok())
                .collect::<Option<_>>()?,
            directory: object["directory"].as_str()?.parse().ok()?,
            email: object["email"].as_str().map(str::to_owned),
            ca: (!ca.as_os_str().is_empty()).then_some(ca),
            store,
            kind: kinds
                .into_iter()
                .find(|kind| object["challenge"] == kind.as_str())?,
            is_sandboxed: object["sandbox"].as_bool()?,
            log: (log(0)?, log(1)?, log(2)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn settings_survive_the_way_to_the_process() {
        let settings = Settings {
            names: vec!["a.example".parse().unwrap(), "2001:db8::1".parse().unwrap()],
            directory: "https://[::1]:14000/dir".parse().unwrap(),
            email: Some("me@a.example".to_owned()),
            ca: Some(OsString::from_vec(b"/tmp/\xff \"".to_vec()).into()),
            store: OsString::from_vec(b"/st\xffte/".to_vec()).into(),
            kind: Kind::TlsAlpn,
            is_sandboxed: true,
            log: (true, false, true),
        };
        let read = Settings::from_args(settings.to_args().into_iter());
        assert_eq!(read, Some(settings.clone()));
        let without = Settings {
            email: None,
            ca: None,
            ..settings
        };
        let read = Settings::from_args(without.to_args().into_iter());
        assert_eq!(read, Some(without));
        assert_eq!(Settings::from_args(["{}".into()].into_iter()), None);
    }
}
