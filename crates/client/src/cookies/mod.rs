//! Cookies: what a server asks a client to send back (RFC 6265), and the file in which curl and
//! wget keep them.
//!
//! A cookie goes back to the host that set it, to hosts below a domain if it was set for one, on
//! paths below its own, and only over https or to this machine if it is `Secure`.
//!
//! | file | what it does |
//! |---|---|
//! | `cookie` | reads `Set-Cookie`, decides which requests carry a cookie |
//! | `date` | reads the dates in `Expires` |
//! | `suffix` | knows the domains that no cookie may be for |
//! | `netscape` | reads and writes lines of the file |

mod cookie;
mod date;
mod netscape;
mod suffix;

pub(crate) use cookie::is_trustworthy;

use crate::lock::Lock;
use cookie::Cookie;
use std::sync::MutexGuard;
use std::time::SystemTime;
use url::Url;

/// Cookies that a jar holds, and those of one domain among them (RFC 6265 §6.1).
const CAPACITY: usize = 3000;
const PER_DOMAIN: usize = 50;
/// Bytes of cookies that a request carries; curl's bound, below what servers accept as a field.
const PER_REQUEST: usize = 8190;
/// Cookies that a request carries; curl's bound.
const MOST_PER_REQUEST: usize = 150;

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
/// assert_eq!(jar.for_url(&url).as_deref(), Some(b"id=7".as_slice()));
/// assert_eq!(jar.for_url(&Url::parse("http://other.test/").unwrap()), None);
/// # drop(client);
/// ```
#[derive(Debug, Default)]
pub struct Jar(Lock<Vec<Cookie>>);

impl Jar {
    /// A jar without cookies.
    #[must_use]
    pub fn new() -> Self {
        Jar::default()
    }

    /// Reads the file format of Netscape, which curl writes. Lines in another form are ignored.
    #[must_use]
    pub fn from_netscape(text: impl AsRef<[u8]>) -> Self {
        let lines = text.as_ref().split(|byte| *byte == b'\n');
        let mut cookies: Vec<Cookie> = Vec::new();
        for cookie in lines.filter_map(netscape::read) {
            insert(&mut cookies, cookie);
        }
        Jar(Lock::new(cookies))
    }

    /// Writes the same format. Cookies of the session are part of it, as in curl.
    #[must_use]
    pub fn to_netscape(&self) -> Vec<u8> {
        let now = now();
        let mut text = netscape::HEAD.to_vec();
        for cookie in self.cookies().iter().filter(|cookie| cookie.is_alive(now)) {
            netscape::write(cookie, &mut text);
        }
        text
    }

    /// Forgets the cookies that were to last for a session.
    pub fn end_session(&self) {
        self.cookies().retain(|cookie| cookie.expires.is_some());
    }

    /// The value of `Cookie` for a request to that URL, if there is any.
    #[must_use]
    pub fn for_url(&self, url: &Url) -> Option<Vec<u8>> {
        let now = now();
        let cookies = self.cookies();
        let mut sent: Vec<_> = cookies
            .iter()
            .filter(|cookie| cookie.is_alive(now) && cookie.is_for(url))
            .collect();
        // Longer paths first (RFC 6265 §5.4); the sort keeps the order of equals.
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let mut value = Vec::new();
        for cookie in sent.into_iter().take(MOST_PER_REQUEST) {
            let pair = [&cookie.name, b"=".as_slice(), &cookie.value].concat();
            if value.len() + "; ".len() + pair.len() > PER_REQUEST {
                break;
            }
            if !value.is_empty() {
                value.extend_from_slice(b"; ");
            }
            value.extend(pair);
        }
        (!value.is_empty()).then_some(value)
    }

    /// Takes the value of a `Set-Cookie` from a response to a request to that URL.
    pub fn store(&self, url: &Url, set_cookie: impl AsRef<[u8]>) {
        let now = now();
        let Some(cookie) = Cookie::parse(url, set_cookie.as_ref(), now) else {
            return;
        };
        let mut cookies = self.cookies();
        cookies.retain(|old| old.is_alive(now));
        let is_refused = !cookie.secure
            && !is_trustworthy(url)
            && cookies.iter().any(|old| old.is_protected_from(&cookie));
        if is_refused {
            return;
        }
        if cookie.is_alive(now) {
            insert(&mut cookies, cookie);
        } else {
            cookies.retain(|old| !old.is_same(&cookie));
        }
    }

    fn cookies(&self) -> MutexGuard<'_, Vec<Cookie>> {
        self.0.lock()
    }
}

/// Adds a cookie, or replaces the one it is a new version of, which keeps its place. Where there
/// are too many, those of the same domain give way first, and those that aren't Secure before
/// others.
fn insert(cookies: &mut Vec<Cookie>, cookie: Cookie) {
    if let Some(old) = cookies.iter_mut().find(|old| old.is_same(&cookie)) {
        *old = cookie;
        return;
    }
    let of_domain = |old: &&Cookie| old.domain == cookie.domain;
    if cookies.iter().filter(of_domain).count() >= PER_DOMAIN {
        let plain = |old: &Cookie| old.domain == cookie.domain && !old.secure;
        let any = |old: &Cookie| old.domain == cookie.domain;
        let oldest = cookies.iter().position(plain);
        let oldest = oldest.or_else(|| cookies.iter().position(any));
        oldest.map(|at| cookies.remove(at));
    } else if cookies.len() >= CAPACITY {
        cookies.remove(0);
    }
    cookies.push(cookie);
}

fn now() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs().try_into().unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
