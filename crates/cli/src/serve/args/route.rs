//! A route of the gateway flags: a path or a suffix, and the upstream servers for it.

use super::content::url_path;
use tinyhttp_server::gateway::{InvalidTarget, Target};

/// A path or a suffix of scripts, and the servers that get the requests for it.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) path: String,
    pub(super) targets: Vec<Target>,
}

impl Route {
    /// Whether it is for the scripts of the directory.
    pub(super) fn is_for_scripts(&self) -> bool {
        self.path.starts_with('*')
    }
}

/// Parses `PATH=TARGET,TARGET`.
pub(super) fn route(text: &str) -> Result<Route, String> {
    let (path, targets) = text
        .split_once('=')
        .ok_or("expected PATH=TARGET, as in /api=http://127.0.0.1:9000")?;
    to_targets(&url_path(path)?, targets)
}

fn to_targets(path: &str, targets: &str) -> Result<Route, String> {
    let targets: Result<Vec<Target>, String> = targets.split(',').map(target).collect();
    let targets = targets?;
    // A Unix socket has no place for a path: it takes that of the others.
    let mut paths = targets.iter().filter(|it| it.socket().is_none());
    let first = paths.next().and_then(Target::path);
    if paths.any(|target| target.path() != first) {
        return Err(
            "the servers of a path have the same path, or none, behind the port".to_owned(),
        );
    }
    Ok(Route {
        path: path.to_owned(),
        targets,
    })
}

/// Parses `TARGET;weight=N`, `TARGET;max=N` and `TARGET;backup`.
fn target(text: &str) -> Result<Target, String> {
    let mut parts = text.split(';');
    let target = parts.next().unwrap_or_default();
    if target.is_empty() {
        return Err("a server is missing, as in /api=http://127.0.0.1:9000".to_owned());
    }
    let parsed: Result<Target, InvalidTarget> = target.parse();
    let mut target = parsed.map_err(|error| error.to_string())?;
    for option in parts {
        let (name, number) = option.split_once('=').unwrap_or((option, ""));
        target = match (name, number.parse::<u16>()) {
            ("backup", _) if option == "backup" => target.backup(),
            ("weight", Ok(number @ 1..)) => target.weight(u32::from(number)),
            ("max", Ok(number @ 1..)) => target.max_connections(usize::from(number)),
            _ => {
                return Err(
                    "expected ;weight=N or ;max=N, N from 1 to 65535, or ;backup".to_owned(),
                );
            }
        };
    }
    Ok(target)
}

/// Parses a route to FastCGI servers, for a path or for scripts.
pub(super) fn fastcgi(text: &str) -> Result<Route, String> {
    let Some((pattern, targets)) = text.split_once('=').filter(|(it, _)| it.starts_with('*'))
    else {
        return program(text);
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte);
    let is_suffix = pattern.len() > 2 && pattern.starts_with("*.");
    if !is_suffix || !pattern[1..].bytes().all(is_plain) {
        return Err("scripts are named by their suffix, as in *.php".to_owned());
    }
    program(&format!("/={targets}"))?;
    to_targets(pattern, targets)
}

/// Parses a route to servers that don't speak HTTP: their targets are addresses.
pub(super) fn program(text: &str) -> Result<Route, String> {
    let targets = text.split_once('=').map_or("", |(_, targets)| targets);
    let is_url = |target: &str| target.contains("://");
    match targets.split(',').any(is_url) {
        true => Err("expected HOST:PORT or unix:SOCKET, not a URL".to_owned()),
        false => route(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes() {
        assert_eq!(route("/api=https://h").is_ok(), cfg!(feature = "tls"));
        let parsed = route("/api/=http://127.0.0.1:9000/,unix:/run/a.sock").unwrap();
        assert_eq!((&*parsed.path, parsed.targets.len()), ("/api/", 2));
        for wrong in [
            "",
            "/api",
            "api=http://h",
            "/a%20b=http://h",
            "/../a=http://h",
            "/a?b=http://h",
            "/api=",
            "/api=http://h,",
            "/api=9000",
            "/api=http://h/a,http://h/b",
            "/api=http://h/,http://i",
            "/api=http://h,unix:/s,http://i/",
            "/api=unix:/s,http://h/a,http://i/",
        ] {
            assert!(route(wrong).is_err(), "{wrong}");
        }
        assert!(fastcgi("/a=127.0.0.1:9000").is_ok());
        assert!(program("/a=httpd:9000").is_ok() && fastcgi("*.php=http:9000").is_ok());
        assert_eq!(fastcgi("*.php=unix:/run/a.sock").unwrap().path, "*.php");
        for wrong in [
            "*=h:1",
            "*.=h:1",
            "*php=h:1",
            "*.p/p=h:1",
            "*.php=",
            "*.php=http://h:1",
            "*.php=HTTPS://h:1",
            "*.php=fcgi://h:1",
            "/a=b:1,http://h:1",
        ] {
            assert!(fastcgi(wrong).is_err(), "{wrong}");
        }
        let shared = route("/=http://a:1;weight=3,b:2,unix:/s;backup;weight=2").unwrap();
        let expected = ["http://a:1", "b:2", "unix:/s"].map(|text| text.parse::<Target>().unwrap());
        let [first, second, third] = expected;
        assert_eq!(
            shared.targets,
            [first.weight(3), second, third.backup().weight(2)]
        );
        let limited = route("/=a:1;max=2;weight=3").unwrap();
        let expected: Target = "a:1".parse().unwrap();
        assert_eq!(limited.targets, [expected.weight(3).max_connections(2)]);
        for wrong in [
            "weight=0",
            "weight=x",
            "weight=",
            "weight=70000",
            "",
            "spare",
            "backup=1",
            "backup=",
            "max",
            "max=",
            "max=0",
            "max=-1",
            "max=65536",
        ] {
            assert!(route(&format!("/=http://a:1;{wrong}")).is_err(), "{wrong}");
        }
        assert!(program("/a=127.0.0.1:9000").is_ok() && program("/a=http://h:1").is_err());
    }
}
