//! A login with a session in a signed cookie: a layer admits only users that have logged in.
//!
//! ```text
//! sessions [ADDRESS]        127.0.0.1:8080 unless given; port 0 lets the system choose
//! ```

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tinyhttp_server::{Cookie, CookieKey, Error, Next, Request, Response, Router, Server};

/// How long a session lasts.
const SESSION: Duration = Duration::from_secs(3600);

const LOGIN: &str = "<!doctype html><title>Login</title><form method=post action=/login>\
    <input name=name><input name=password type=password><button>Log in</button></form>";

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// The user of a session that has not ended. The time is signed with the name, since a browser can
/// keep a cookie for longer.
fn user(key: &CookieKey, request: &Request<'_>) -> Option<String> {
    let session = key.verify("session", request.cookie("session"))?;
    let (until, name) = session.split_once(' ')?;
    (until.parse::<u64>().ok()? > now()).then(|| name.to_owned())
}

fn login(key: &CookieKey, request: Request<'_>) -> Result<Response, Error> {
    let form = request.into_form(4096)?;
    let credentials = (form.get("name"), form.get("password"));
    let (Some(name), Some("open sesame")) = credentials else {
        return Err(Error::new(
            tinyhttp_server::StatusCode::UNAUTHORIZED,
            "The name or the password is wrong.",
        ));
    };
    let session = format!("{} {name}", now() + SESSION.as_secs());
    let cookie = key.sign(Cookie::new("session", session).max_age(SESSION));
    Ok(Response::redirect("/").with_cookie(&cookie))
}

fn app() -> Router {
    let key = CookieKey::generate();
    let signing = key.clone();
    Router::new()
        .with(
            move |mut request: Request<'_>, next: Next<'_>| match user(&key, &request) {
                Some(user) => {
                    request.extensions_mut().insert(user);
                    next.run(request)
                }
                None if request.path() == "/login" => next.run(request),
                None => Response::redirect("/login"),
            },
        )
        .get("/", |request: Request<'_>| {
            let user = request.extensions().get::<String>();
            user.map(|name| format!("hello {name}\n"))
        })
        .get("/login", |_: Request<'_>| Response::html(LOGIN))
        .post("/login", move |request: Request<'_>| {
            login(&signing, request)
        })
        .post("/logout", |_: Request<'_>| {
            Response::redirect("/login").with_cookie(&Cookie::removal("session"))
        })
}

fn main() -> std::io::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or("127.0.0.1:8080".to_owned());
    let server = Server::bind(address)?.start(app())?;
    println!("Listening at http://{}/", server.local_addrs()[0]);
    server.run()
}
