//! Digest authentication (RFC 7616) as a conversation.

use crate::server::{Seen, Server, response};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use tinyhttp_client::{Body, Client, Credentials};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn challenge(parameters: &str) -> String {
    let field = format!("WWW-Authenticate: Basic realm=\"x\", Digest {parameters}\r\n");
    response("401 Unauthorized", &field, "no")
}

/// A parameter of the request's answer.
fn answer(seen: &Seen, name: &str) -> Option<String> {
    let value = seen.field("Authorization")?.strip_prefix("Digest ")?;
    let parameters = value.split(", ").filter_map(|part| part.split_once('='));
    let mut found = parameters.filter(|(other, _)| *other == name);
    found
        .next()
        .map(|(_, value)| value.trim_matches('"').to_owned())
}

/// Each request's nonce and count.
fn answers(server: &Server) -> Vec<String> {
    let seen = server.seen();
    let one = |seen: &Seen| {
        let of = |name| answer(seen, name).unwrap_or_default();
        format!("{} {}", of("nonce"), of("nc"))
    };
    seen.iter().map(one).collect()
}

/// Accepts any answer to the nonce `n1`.
fn accepting() -> Server {
    Server::new(|_, seen| match answer(seen, "nonce").as_deref() {
        Some("n1") => Some(OK.to_owned()),
        _ => Some(challenge(
            "realm=\"r\", qop=\"auth\", nonce=\"n1\", algorithm=SHA-256",
        )),
    })
}

#[test]
fn a_challenge_is_answered_and_remembered() {
    let server = accepting();
    let client = Client::new();
    for path in ["/a", "/b?c=d", "/e"] {
        let request = client.post(&server.url(path)).digest_auth("me", "secret");
        let response = request.body("content").send().unwrap();
        assert_eq!(
            (response.status().as_u16(), response.text().unwrap()),
            (200, "ok".into())
        );
    }
    let want = [" ", "n1 00000001", "n1 00000002", "n1 00000003"];
    assert_eq!(answers(&server), want);
    for seen in server.seen() {
        assert_eq!(seen.text(), "content");
        assert_eq!(seen.connection, 0, "the connection is kept");
        assert!(!seen.head.contains("secret"), "{}", seen.head);
        if let Some(target) = answer(&seen, "uri") {
            assert!(
                seen.head
                    .starts_with(&format!("POST {target} HTTP/1.1\r\n"))
            );
        }
    }
    // Another client knows nothing of that.
    Client::new()
        .get(&server.url("/"))
        .digest_auth("me", "secret")
        .send()
        .unwrap();
    assert_eq!(answers(&server)[4..], [" ", "n1 00000001"]);
}

#[test]
fn logins_of_a_client_may_be_digests() {
    let server = accepting();
    let client = Client::builder()
        .logins(|_| Some(Credentials::new("me", "secret").with_digest()))
        .build();
    assert_eq!(client.get(&server.url("/")).send().unwrap().status(), 200);
    assert_eq!(client.get(&server.url("/")).send().unwrap().status(), 200);
    assert_eq!(answers(&server), [" ", "n1 00000001", "n1 00000002"]);
}

#[test]
fn a_stale_nonce_is_replaced() {
    // Each nonce is good for one request.
    let server = Server::new(|number, seen| {
        let nonce = answer(seen, "nonce");
        let next = format!("n{}", number / 2);
        match nonce {
            Some(nonce) if nonce == next => Some(OK.to_owned()),
            Some(_) => Some(challenge(&format!(
                "realm=r, qop=auth, nonce={next}, stale=true"
            ))),
            None => Some(challenge("realm=r, qop=auth, nonce=n0")),
        }
    });
    let client = Client::new();
    for _ in 0..2 {
        let request = client.get(&server.url("/")).digest_auth("me", "secret");
        assert_eq!(request.send().unwrap().status(), 200);
    }
    let want = [" ", "n0 00000001", "n0 00000002", "n1 00000001"];
    assert_eq!(answers(&server), want);
}

#[test]
fn a_refusal_ends_it() {
    let table: &[(&str, usize)] = &[
        // A wrong password: one answer.
        ("realm=r, qop=auth, nonce=n", 2),
        // A server that calls every nonce stale: a few.
        ("realm=r, qop=auth, nonce=n, stale=true", 4),
        // Challenges that can't be answered.
        ("realm=r, qop=auth-int, nonce=n", 1),
        ("realm=r, nonce=n, algorithm=SHA-3", 1),
        ("nonce=n", 1),
    ];
    for (parameters, requests) in table {
        let server = Server::new(move |_, _| Some(challenge(parameters)));
        let request = Client::new()
            .get(&server.url("/"))
            .digest_auth("me", "secret");
        let response = request.send().unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.text().unwrap(), "no");
        assert_eq!(server.seen().len(), *requests, "{parameters}");
    }
}

#[test]
fn what_can_not_be_sent_again_is_not() {
    let server = accepting();
    let stream = Body::reader(&b"once"[..]);
    let request = Client::new()
        .put(&server.url("/"))
        .digest_auth("me", "secret")
        .body(stream);
    assert_eq!(request.send().unwrap().status(), 401);
    assert_eq!(server.seen().len(), 1);
    // A field of one's own counts more.
    let request = Client::new()
        .get(&server.url("/"))
        .digest_auth("me", "secret");
    let response = request.header("Authorization", "Mine x").send().unwrap();
    assert_eq!((response.status().as_u16(), server.seen().len()), (401, 2));
}

#[test]
fn answers_stay_with_their_origin() {
    let other = accepting();
    let location = other.url("/");
    let server = Server::new(move |_, seen| match answer(seen, "nonce") {
        None => Some(challenge("realm=r, qop=auth, nonce=n")),
        Some(_) => Some(response(
            "302 Found",
            &format!("Location: {location}\r\n"),
            "",
        )),
    });
    let request = Client::new()
        .get(&server.url("/"))
        .digest_auth("me", "secret");
    assert_eq!(request.send().unwrap().status(), 401);
    assert_eq!(answers(&other), [" "]);
    // Within the origin the answer is made for each target.
    let server = Server::new(move |_, seen| match answer(seen, "uri").as_deref() {
        None => Some(challenge("realm=r, qop=auth, nonce=n")),
        Some("/from") => Some(response("302 Found", "Location: /to\r\n", "")),
        Some(_) => Some(OK.to_owned()),
    });
    let request = Client::new()
        .get(&server.url("/from"))
        .digest_auth("me", "secret");
    assert_eq!(request.send().unwrap().status(), 200);
    assert_eq!(answers(&server), [" ", "n 00000001", "n 00000002"]);
}

/// A server in another language, which computes the answer by itself. Its path says with which
/// algorithm, and with which options.
const PYTHON: &str = r#"
import hashlib, http.server, re, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        algorithm, *options = self.path.strip("/").split("?")[0].split(",")
        base = algorithm.replace("-sess", "").lower().replace("-", "")
        base = {"sha512256": "sha512_256"}.get(base, base)
        def h(text):
            return hashlib.new(base, text.encode("utf-8")).hexdigest()
        user, realm, nonce = "Jäsøn", 'a "b" \\c', "n0"
        quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
        given = self.headers.get("Authorization", "")
        pairs = re.findall(r'([a-z*]+)=(?:"((?:[^"\\]|\\.)*)"|([^, ]+))', given)
        p = {name: re.sub(r"\\(.)", r"\1", text) or token for name, text, token in pairs}
        a1 = h(f"{user}:{realm}:secret")
        if algorithm.endswith("-sess"):
            a1 = h(f"{a1}:{nonce}:{p.get('cnonce')}")
        a2 = h(f"GET:{self.path}")
        if "noqop" in options:
            want = h(f"{a1}:{nonce}:{a2}")
        else:
            want = h(f"{a1}:{nonce}:{p.get('nc')}:{p.get('cnonce')}:auth:{a2}")
        if "userhash" in options:
            name = p.get("username") == h(f"{user}:{realm}") and p.get("userhash") == "true"
        else:
            name = p.get("username*") == "UTF-8''J%C3%A4s%C3%B8n"
        ok = name and p.get("response") == want and p.get("uri") == self.path
        self.send_response(200 if ok else 401)
        challenge = f'Digest realm="{quoted}", nonce="{nonce}", algorithm={algorithm}'
        if "noqop" not in options:
            challenge += ', qop="auth-int, auth"'
        if "userhash" in options:
            challenge += ", userhash=true"
        if not ok:
            self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass

if "sha512_256" not in hashlib.algorithms_available:
    print("no sha512_256")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

#[test]
fn another_implementation_agrees() {
    let started = Command::new("python3")
        .args(["-c", PYTHON])
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut server) = started else {
        eprintln!("skipped: there is no python3");
        return;
    };
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let mut first = lines.next().unwrap().unwrap();
    let mut algorithms = vec!["MD5", "MD5-sess", "SHA-256", "SHA-256-sess"];
    if first.starts_with("no ") {
        first = lines.next().unwrap().unwrap();
    } else {
        algorithms.extend(["SHA-512-256", "SHA-512-256-sess"]);
    }
    let port: u16 = first.parse().unwrap();
    let mut refused = Vec::new();
    for algorithm in algorithms {
        for options in ["", ",userhash", ",noqop", ",noqop,userhash"] {
            let url = format!("http://127.0.0.1:{port}/{algorithm}{options}?a=%20b");
            // Twice: the second request is answered without a challenge.
            let client = Client::new();
            for _ in 0..2 {
                let request = client.get(&url).digest_auth("Jäsøn", "secret");
                let status = request.send().unwrap().status();
                if status != 200 {
                    refused.push(format!("{status} {url}"));
                }
            }
        }
    }
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(refused.is_empty(), "{refused:#?}");
}
