//! Cookies: what a server asked to be told again (RFC 6265), and the file in which curl and wget keep them.
//!
//! A cookie goes back to the host that set it, to those below a domain if it was set for that, on paths below its own,
//! and over TLS only if it is `Secure`. A domain needs a dot in it, so that nobody sets cookies for all of `com`; which
//! further suffixes are public (`co.uk`) is not known here.

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use tinyhttp_message::date::HttpDate;
use url::{Host, Url};

/// A name or value longer than that is no cookie (RFC 6265 §6.1 asks for 4 KiB).
const LONGEST: usize = 8 * 1024;
/// Cookies that a jar holds; the oldest goes first.
const MOST: usize = 3000;

/// The cookies of a client. Several clients, and threads, may share one.
///
/// ```
/// use std::sync::Arc;
/// use tinyhttp_client::{Client, Jar, url::Url};
///
/// let jar = Arc::new(Jar::new());
/// let client = Client::builder().cookies(jar.clone()).build();
/// // What a response to such a request would set:
/// let url = Url::parse("http://h.test/a").unwrap();
/// jar.store(&url, "id=7; Path=/; HttpOnly");
/// assert_eq!(jar.for_url(&url).as_deref(), Some("id=7"));
/// assert_eq!(jar.for_url(&Url::parse("http://other.test/").unwrap()), None);
/// # drop(client);
/// ```
#[derive(Debug, Default)]
pub struct Jar(Mutex<Vec<Cookie>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Cookie {
    name: String,
    value: String,
    /// In lower case, without a leading dot.
    domain: String,
    /// Hosts below the domain get it too.
    subdomains: bool,
    path: String,
    secure: bool,
    http_only: bool,
    /// In seconds since 1970; `None`: until the end of the session.
    expires: Option<i64>,
}

impl Jar {
    /// A jar without cookies.
    #[must_use]
    pub fn new() -> Self {
        Jar::default()
    }

    /// Reads the file format of Netscape, which curl writes. Lines that aren't of it are passed over.
    #[must_use]
    pub fn from_netscape(text: &str) -> Self {
        let cookies = text.lines().filter_map(Cookie::from_line).collect();
        Jar(Mutex::new(cookies))
    }

    /// Writes the same format. Cookies of the session are part of it, as in curl.
    #[must_use]
    pub fn to_netscape(&self) -> String {
        let now = now();
        let mut text = "# Netscape HTTP Cookie File\n".to_owned();
        for cookie in self.cookies().iter().filter(|cookie| cookie.is_alive(now)) {
            text.push_str(&cookie.to_line());
        }
        text
    }

    /// Forgets the cookies that were to last for a session.
    pub fn end_session(&self) {
        self.cookies().retain(|cookie| cookie.expires.is_some());
    }

    /// The value of `Cookie` for a request to that URL, if there is any.
    #[must_use]
    pub fn for_url(&self, url: &Url) -> Option<String> {
        let now = now();
        let cookies = self.cookies();
        let mut sent: Vec<_> = cookies
            .iter()
            .filter(|cookie| cookie.is_alive(now) && cookie.is_for(url))
            .collect();
        // Longer paths first (RFC 6265 §5.4); the sort keeps the order of equals.
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<_> = sent
            .iter()
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Takes the value of a `Set-Cookie` from a response to a request to that URL.
    pub fn store(&self, url: &Url, set_cookie: &str) {
        let now = now();
        let Some(cookie) = Cookie::parse(url, set_cookie, now) else {
            return;
        };
        let mut cookies = self.cookies();
        cookies.retain(|old| {
            (&old.name, &old.domain, &old.path) != (&cookie.name, &cookie.domain, &cookie.path)
        });
        if cookie.is_alive(now) {
            if cookies.len() >= MOST {
                cookies.remove(0);
            }
            cookies.push(cookie);
        }
    }

    fn cookies(&self) -> MutexGuard<'_, Vec<Cookie>> {
        // A list of cookies is never half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cookie {
    /// RFC 6265 §5.2 and §5.3.
    fn parse(url: &Url, text: &str, now: i64) -> Option<Self> {
        let mut parts = text.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        let is_harmless = !text.bytes().any(|byte| byte < b' ' && byte != b'\t');
        if name.is_empty() || !is_harmless || name.len() + value.len() > LONGEST {
            return None;
        }
        let host = url.host_str()?.to_ascii_lowercase();
        let mut cookie = Cookie {
            name: name.to_owned(),
            value: value.to_owned(),
            domain: host.clone(),
            subdomains: false,
            path: default_path(url.path()),
            secure: false,
            http_only: false,
            expires: None,
        };
        let mut max_age = None;
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "domain" => {
                    let domain = value.trim_start_matches('.').to_ascii_lowercase();
                    if domain.is_empty() || domain == host {
                        cookie.subdomains = !domain.is_empty() && is_name(url);
                    } else if is_name(url) && domain.contains('.') && is_below(&host, &domain) {
                        cookie.domain = domain;
                        cookie.subdomains = true;
                    } else {
                        return None;
                    }
                }
                "path" if value.starts_with('/') => cookie.path = value.to_owned(),
                "secure" => cookie.secure = true,
                "httponly" => cookie.http_only = true,
                "max-age" => max_age = value.parse::<i64>().ok().or(max_age),
                "expires" => {
                    // Old servers write hyphens, as RFC 850 did, with years of four digits.
                    let date = value.replace('-', " ");
                    cookie.expires =
                        HttpDate::parse(date.as_bytes(), HttpDate::from_unix_seconds(now))
                            .or_else(|| {
                                let now = HttpDate::from_unix_seconds(now);
                                HttpDate::parse(value.as_bytes(), now)
                            })
                            .map(HttpDate::unix_seconds);
                }
                _ => {}
            }
        }
        if let Some(seconds) = max_age {
            cookie.expires = Some(now.saturating_add(seconds));
        }
        // Only a secure origin may set a secure cookie.
        (!cookie.secure || url.scheme() == "https").then_some(cookie)
    }

    fn is_alive(&self, now: i64) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }

    fn is_for(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else {
            return false;
        };
        let host = host.to_ascii_lowercase();
        let host_fits = host == self.domain || self.subdomains && is_below(&host, &self.domain);
        let path_fits = url
            .path()
            .strip_prefix(self.path.as_str())
            .is_some_and(|rest| {
                rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/')
            });
        host_fits && path_fits && (!self.secure || url.scheme() == "https")
    }

    /// `domain, subdomains, path, secure, expires, name, value`, by tabs.
    fn from_line(line: &str) -> Option<Self> {
        let (line, http_only) = match line.strip_prefix("#HttpOnly_") {
            Some(line) => (line, true),
            None => (line, false),
        };
        if line.starts_with('#') {
            return None;
        }
        let mut columns = line.splitn(7, '\t');
        let domain = columns.next()?.trim_start_matches('.').to_ascii_lowercase();
        let subdomains = columns.next()? == "TRUE";
        let path = columns.next()?.to_owned();
        let secure = columns.next()? == "TRUE";
        let expires = columns.next()?.parse::<i64>().ok()?;
        let name = columns.next()?.to_owned();
        let value = columns.next().unwrap_or_default().trim_end().to_owned();
        let is_harmless = !name.chars().chain(value.chars()).any(char::is_control);
        (!domain.is_empty() && !name.is_empty() && is_harmless).then_some(Cookie {
            name,
            value,
            domain,
            subdomains,
            path,
            secure,
            http_only,
            expires: (expires > 0).then_some(expires),
        })
    }

    fn to_line(&self) -> String {
        let word = |yes: bool| if yes { "TRUE" } else { "FALSE" };
        let mut line = String::new();
        // Writing to a String doesn't fail.
        let _ = writeln!(
            line,
            "{}{}{}\t{}\t{}\t{}\t{}\t{}\t{}",
            if self.http_only { "#HttpOnly_" } else { "" },
            if self.subdomains { "." } else { "" },
            self.domain,
            word(self.subdomains),
            self.path,
            word(self.secure),
            self.expires.unwrap_or(0),
            self.name,
            self.value
        );
        line
    }
}

/// The folder of a path (RFC 6265 §5.1.4).
fn default_path(path: &str) -> String {
    match path.rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(end) => path[..end].to_owned(),
    }
}

fn is_name(url: &Url) -> bool {
    matches!(url.host(), Some(Host::Domain(_)))
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain)
        .is_some_and(|rest| rest.ends_with('.'))
}

fn now() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs().try_into().unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn who_gets_what() {
        let from = "https://www.example.org/a/b";
        let table: &[(&str, &str, bool)] = &[
            ("n=v", "https://www.example.org/a/c", true),
            ("n=v", "https://www.example.org/a", true),
            ("n=v", "https://www.example.org/ab", false),
            ("n=v", "https://www.example.org/", false),
            ("n=v; Path=/", "https://www.example.org/x", true),
            ("n=v; Path=/a/b", "https://www.example.org/a/b/c", true),
            ("n=v; Path=/", "https://example.org/", false),
            ("n=v; Path=/", "https://x.www.example.org/", false),
            (
                "n=v; Path=/; Domain=example.org",
                "https://example.org/",
                true,
            ),
            (
                "n=v; Path=/; Domain=.Example.org",
                "https://x.example.org/",
                true,
            ),
            (
                "n=v; Path=/; Domain=example.org",
                "https://badexample.org/",
                false,
            ),
            ("n=v; Path=/; Domain=org", "https://www.example.org/", false),
            ("n=v; Path=/; Domain=evil.test", "https://evil.test/", false),
            (
                "n=v; Path=/; Domain=x.www.example.org",
                "https://x.www.example.org/",
                false,
            ),
            ("n=v; Path=/", "http://www.example.org/", true),
            ("n=v; Path=/; Secure", "http://www.example.org/", false),
            ("n=v; Path=/; Secure", "https://www.example.org/", true),
            ("n=v; Path=/; Max-Age=60", "https://www.example.org/", true),
            ("n=v; Path=/; Max-Age=0", "https://www.example.org/", false),
            (
                "n=v; Path=/; Expires=Thu, 01 Jan 1970 00:00:10 GMT",
                "https://www.example.org/",
                false,
            ),
            (
                "n=v; Path=/; Expires=Thu, 01-Jan-2099 00:00:10 GMT",
                "https://www.example.org/",
                true,
            ),
            (
                "n=v; Path=/; Expires=Thu, 01 Jan 1970 00:00:10 GMT; Max-Age=9",
                "https://www.example.org/",
                true,
            ),
            ("=v; Path=/", "https://www.example.org/", false),
            ("n; Path=/", "https://www.example.org/", false),
            ("n=v\x07; Path=/", "https://www.example.org/", false),
        ];
        for (set, to, sent) in table {
            let jar = Jar::new();
            jar.store(&url(from), set);
            let want = sent.then(|| "n=v".to_owned());
            assert_eq!(jar.for_url(&url(to)), want, "{set} for {to}");
        }
        let jar = Jar::new();
        jar.store(&url("http://h/"), "n=v; Secure");
        assert_eq!(jar.for_url(&url("https://h/")), None, "set in the open");
        jar.store(&url("http://127.0.0.1/"), "n=v; Domain=0.0.1");
        assert_eq!(
            jar.for_url(&url("http://127.0.0.1/")),
            None,
            "addresses have no parents"
        );
    }

    #[test]
    fn a_cookie_is_replaced_and_longer_paths_come_first() {
        let jar = Jar::new();
        let here = url("http://h/a/b");
        jar.store(&here, "one=1; Path=/");
        jar.store(&here, "two=2; Path=/a");
        jar.store(&here, "one=3; Path=/");
        assert_eq!(jar.for_url(&here).as_deref(), Some("two=2; one=3"));
        jar.store(&here, "one=; Path=/; Max-Age=-1");
        assert_eq!(jar.for_url(&here).as_deref(), Some("two=2"));
    }

    #[test]
    fn the_file() {
        let text = "# Netscape HTTP Cookie File\n\n\
            h\tFALSE\t/\tFALSE\t0\tsession\tv\n\
            .example.org\tTRUE\t/a\tTRUE\t4102444800\tlasting\tx y\n\
            #HttpOnly_h\tFALSE\t/\tFALSE\t4102444800\tquiet\t\n\
            # h\tFALSE\t/\tFALSE\t0\tcomment\tv\n\
            h\tFALSE\t/\tFALSE\t1\texpired\tv\n\
            not a cookie\n";
        let jar = Jar::from_netscape(text);
        let written = jar.to_netscape();
        let lines: Vec<_> = written.lines().collect();
        assert_eq!(
            lines,
            [
                "# Netscape HTTP Cookie File",
                "h\tFALSE\t/\tFALSE\t0\tsession\tv",
                ".example.org\tTRUE\t/a\tTRUE\t4102444800\tlasting\tx y",
                "#HttpOnly_h\tFALSE\t/\tFALSE\t4102444800\tquiet\t",
            ]
        );
        assert_eq!(
            jar.for_url(&url("http://h/")).as_deref(),
            Some("session=v; quiet=")
        );
        jar.end_session();
        assert_eq!(jar.for_url(&url("http://h/")).as_deref(), Some("quiet="));
        assert_eq!(
            jar.for_url(&url("https://www.example.org/a/")).as_deref(),
            Some("lasting=x y")
        );
    }
}
