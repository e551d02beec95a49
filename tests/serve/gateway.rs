//! `--proxy` in front of real servers: nginx, and gunicorn with Flask and with Django.
//!
//! What can't be installed is skipped, and says so.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use support::{
    Folder, Running, Serve, curl_status, curl_text, free_address, listens, nginx, root, tinyhttp,
    wait_until,
};

/// The virtual environment with gunicorn, Flask and Django, made when it is first needed. `None`:
/// it can't be made here.
fn python() -> Option<PathBuf> {
    static MADE: OnceLock<Option<PathBuf>> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = root().join("target/peers/python");
        let python = folder.join("bin/python");
        let has_all = |python: &Path| {
            let script = "import gunicorn, flask, django";
            let mut import = Command::new(python);
            let import = import.args(["-c", script]).stderr(Stdio::null());
            import.status().is_ok_and(|status| status.success())
        };
        if !has_all(&python) {
            let run = |program: &Path, arguments: &[&str]| {
                let mut command = Command::new(program);
                let command = command.args(arguments).stdout(Stdio::null());
                let _ = command.stderr(Stdio::null()).status();
            };
            run(Path::new("python3"), &["-m", "venv", folder.to_str()?]);
            let packages = ["gunicorn", "flask", "django"];
            run(
                &python,
                &[&["-m", "pip", "install", "-q"], &packages[..]].concat(),
            );
        }
        has_all(&python).then_some(python)
    })
    .clone()
}

/// Starts gunicorn with an application in a folder, and waits until it listens.
fn gunicorn(python: &Path, folder: &Path, bind: &str, flags: &[&str]) -> Running {
    let child = Command::new(python)
        .args(["-m", "gunicorn", "-b", bind, "-w", "2", "-k", "gthread"])
        .args(["--no-control-socket", "app:app"])
        .args(flags)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let running = Running(child);
    match bind.strip_prefix("unix:") {
        Some(path) => wait_until("gunicorn listens", || Path::new(path).exists()),
        None => listens(bind.parse().unwrap()),
    }
    running
}

const FLASK: &str = r#"
from flask import Flask, Response, request, session
app = Flask(__name__)
app.secret_key = "test"

@app.route("/api/echo", methods=["GET", "POST", "PUT"])
def echo():
    return {
        "method": request.method,
        "path": request.full_path,
        "host": request.host,
        "for": request.headers.get("X-Forwarded-For"),
        "proto": request.headers.get("X-Forwarded-Proto"),
        "key": request.headers.get("X-Key"),
        "underscore": request.headers.get("X-Auth-User"),
        "length": len(request.get_data()),
    }

@app.route("/api/upload", methods=["POST"])
def upload():
    file = request.files["file"]
    return f"{file.filename} {len(file.read())}"

@app.route("/api/count")
def count():
    session["n"] = session.get("n", 0) + 1
    return str(session["n"])

@app.route("/api/stream")
def stream():
    return Response((f"{i}\n" for i in range(1000)), mimetype="text/plain")

@app.route("/api/gone")
def gone():
    return Response(status=204)
"#;

const DJANGO: &str = r#"
import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="test",
                   SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"))
@csrf_exempt
def echo(request):
    return HttpResponse(f"{request.method} {request.get_full_path()} {request.scheme} {len(request.body)}")
def stream(request):
    return StreamingHttpResponse(f"{i}\n" for i in range(1000))
urlpatterns = [path("echo", echo), path("stream", stream)]
app = get_wsgi_application()
"#;

#[test]
fn flask_runs_behind_it() {
    let Some(python) = python() else {
        return eprintln!("skipped: gunicorn and Flask can't be installed");
    };
    let folder = Folder::new()
        .with("app.py", FLASK)
        .with("www/index.html", "a file")
        .with("large", "x".repeat(300_000));
    let address = free_address().to_string();
    let socket = folder.path().join("sock");
    let unix = format!("unix:{}", socket.display());
    for bind in [&address, &unix] {
        let _gunicorn = gunicorn(&python, folder.path(), bind, &[]);
        let proxy = format!("/api={bind}");
        let flags = ["--proxy", &proxy, "--proxy-header", "X-Key: 7", "--spa"];
        let server = Serve::start(&folder.path().join("www"), flags);
        assert_eq!(curl_text([server.url("/other")]), "a file");
        let echo = |arguments: &[&str]| {
            let url = server.url("/api/echo?a=%2f");
            let text = curl_text(arguments.iter().copied().chain([&*url]));
            serde_json::from_str::<serde_json::Value>(&text).unwrap()
        };
        let seen = echo(&["-H", "X-Forwarded-For: 10.0.0.1", "-H", "X_Auth_User: root"]);
        assert_eq!(seen["path"], "/api/echo?a=%2f");
        assert_eq!(seen["host"], server.address().to_string());
        assert_eq!(seen["for"], "127.0.0.1");
        assert_eq!(
            (&seen["proto"], &seen["key"]),
            (&"http".into(), &"7".into())
        );
        assert!(seen["underscore"].is_null());
        let large = format!("@{}", folder.path().join("large").display());
        let seen = echo(&["--data-binary", &large]);
        assert_eq!(
            (&seen["method"], &seen["length"]),
            (&"POST".into(), &300_000.into())
        );
        let chunked = ["-T", &large[1..], "-H", "Transfer-Encoding: chunked"];
        assert_eq!(echo(&chunked)["length"], 300_000);
        let file = format!("file={large}");
        let answer = curl_text(["-F", &file, &server.url("/api/upload")]);
        assert_eq!(answer, "large 300000");
        let jar = folder.path().join("jar").display().to_string();
        let count = || curl_text(["-b", &jar, "-c", &jar, &server.url("/api/count")]);
        let _ = std::fs::remove_file(&jar);
        assert_eq!((count(), count()), ("1".to_owned(), "2".to_owned()));
        let lines = curl_text([server.url("/api/stream")]);
        assert_eq!(lines.lines().count(), 1000);
        assert_eq!(curl_status([server.url("/api/gone")]), 204);
        assert_eq!(curl_status([server.url("/api/missing")]), 404);
        assert_eq!(curl_status(["-I", &server.url("/api/echo")]), 200);
    }
}

/// The same application over the uwsgi protocol, which gunicorn speaks, too.
#[test]
fn flask_runs_behind_it_over_uwsgi() {
    let Some(python) = python() else {
        return eprintln!("skipped: gunicorn and Flask can't be installed");
    };
    let folder = Folder::new()
        .with("app.py", FLASK)
        .with("large", "x".repeat(300_000));
    let address = free_address().to_string();
    let flags = ["--protocol", "uwsgi"];
    let _gunicorn = gunicorn(&python, folder.path(), &address, &flags);
    let server = Serve::start(folder.path(), ["--uwsgi", &format!("/={address}")]);
    let url = server.url("/api/echo?a=%2f");
    let large = format!("@{}", folder.path().join("large").display());
    let chunked = "Transfer-Encoding: chunked";
    for (arguments, method, length) in [
        (&["-s"][..], "GET", 0),
        (&["--data-binary", &large], "POST", 300_000),
        (&["-T", &large[1..], "-H", chunked], "PUT", 300_000),
    ] {
        let text = curl_text(arguments.iter().copied().chain([&*url]));
        let seen: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(seen["path"], "/api/echo?a=%2f");
        let expected = (&method.into(), &length.into());
        assert_eq!((&seen["method"], &seen["length"]), expected);
    }
    assert_eq!(curl_text([server.url("/api/stream")]).lines().count(), 1000);
    assert_eq!(curl_status([server.url("/api/gone")]), 204);
}

#[test]
fn django_runs_behind_it() {
    let Some(python) = python() else {
        return eprintln!("skipped: gunicorn and Django can't be installed");
    };
    let folder = Folder::new().with("app.py", DJANGO);
    let address = free_address();
    // Kept connections that are closed after a moment, or after a few requests.
    let flags = ["--keep-alive", "1", "--max-requests", "7"];
    let _gunicorn = gunicorn(&python, folder.path(), &address.to_string(), &flags);
    let proxy = format!("/app/=http://localhost:{}/", address.port());
    let server = Serve::start(folder.path(), ["--proxy", &proxy]);
    let mut raw = server.connect();
    for number in 0..50 {
        let answer = raw.get(&format!("/app/echo?n={number}"));
        assert_eq!(answer.text(), format!("GET /echo?n={number} http 0"));
    }
    assert_eq!(raw.get("/app/stream").text().lines().count(), 1000);
    let posted = curl_text(["-d", "a=b", &server.url("/app/echo")]);
    assert_eq!(posted, "POST /echo http 3");
}

#[test]
fn nginx_runs_behind_it_and_in_front_of_it() {
    let large = "0123456789abcdef".repeat(200_000);
    let folder = Folder::new()
        .with("www/large", &large)
        .with("www/index.html", "from nginx")
        .with("logs/x", "");
    let (behind, front) = (free_address(), free_address());
    // nginx in front of tinyhttp in front of nginx.
    let middle = free_address();
    let http = format!(
        "keepalive_requests 5;
         upstream t {{ server {middle}; keepalive 4; }}
         server {{ listen {behind}; root {0}/www; location /moved {{ return 301 /index.html; }} }}
         server {{ listen {front}; location / {{
           proxy_pass http://t; proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }}",
        folder.path().display()
    );
    let Some(_nginx) = nginx(&folder, &http) else {
        return;
    };
    listens(behind);
    listens(front);
    let proxy = format!("/n/=http://{behind}/");
    let mut command = tinyhttp();
    command
        .args(["serve", "-p", &middle.port().to_string(), "--proxy", &proxy])
        .args(["--proxy-host", "upstream"])
        .arg(folder.path());
    let server = Serve::spawn(command);
    let mut raw = server.connect();
    for _ in 0..40 {
        assert_eq!(raw.get("/n/").text(), "from nginx");
    }
    let answer = raw.get("/n/moved");
    assert_eq!(answer.field("location"), Some("/n/index.html"));
    for address in [server.address(), front] {
        let text = curl_text([format!("http://{address}/n/large")]);
        assert!(text == large, "{} bytes", text.len());
        let range = curl_text(["-r", "16-31", &format!("http://{address}/n/large")]);
        assert_eq!(range, "0123456789abcdef");
        assert_eq!(curl_status([format!("http://{address}/n/none")]), 404);
    }
}

/// A reverse proxy alone, whose upstream comes later.
#[test]
fn an_upstream_that_is_started_later_is_found() {
    let address = free_address();
    let folder = Folder::new().with("index.html", "behind");
    let proxy = format!("/=http://{address}");
    let server = Serve::start(folder.path(), ["--proxy", &proxy]);
    assert_eq!(curl_status([server.url("/")]), 502);
    let mut command = tinyhttp();
    command
        .args(["serve", "-p", &address.port().to_string()])
        .arg(folder.path());
    let _behind = Serve::spawn(command);
    assert_eq!(curl_text([server.url("/")]), "behind");
    // Hop by hop.
    let answer = curl_text(["-i", &server.url("/")]);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(answer.matches("Keep-Alive:").count(), 1, "{answer}");
}

/// Weights, a backup, a server that is down, and what the log says of them.
#[test]
fn servers_share_requests_by_weight() {
    let folders = ["heavy", "light", "spare"].map(|name| Folder::new().with("index.html", name));
    let behind: Vec<_> = folders
        .iter()
        .map(|folder| Serve::start(folder.path(), [""; 0]))
        .collect();
    let [heavy, light, spare] = [0, 1, 2].map(|number| behind[number].address());
    let log = Folder::new().with("x", "");
    let route = format!("/=http://{heavy};weight=3,{light},{spare};backup");
    let flags = ["--proxy", &route, "--log-format", "json"];
    let file = log.join("log");
    let server = Serve::start(log.path(), flags.into_iter().chain(["--log-file", &*file]));
    let texts: Vec<String> = (0..8).map(|_| curl_text([server.url("/")])).collect();
    let count = |name: &str| texts.iter().filter(|text| *text == name).count();
    assert_eq!([count("heavy"), count("light"), count("spare")], [6, 2, 0]);
    wait_until("the log has all lines", || {
        std::fs::read_to_string(&file).is_ok_and(|text| text.lines().count() == 8)
    });
    let text = std::fs::read_to_string(&file).unwrap();
    let member = format!("\"upstream_addr\":\"{light}\"");
    assert_eq!(text.matches(&member).count(), 2, "{text}");
    let gone = free_address();
    let route = format!("/=http://{gone},{spare};backup");
    let server = Serve::start(log.path(), ["--proxy", &route]);
    assert_eq!(curl_text([server.url("/")]), "spare");
}

/// A server that has as many connections as it may, and a queue for no request.
#[test]
fn a_full_server_is_a_503() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = Folder::new().with("index.html", "a file");
    let route = format!("/a={};max=1", listener.local_addr().unwrap());
    let server = Serve::start(folder.path(), ["--proxy", &route, "--proxy-queue", "0"]);
    let mut first = server.connect();
    first.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    let (_held, _) = listener.accept().unwrap();
    let answer = curl_text(["-i", &server.url("/a")]);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("Retry-After: 5\r\n"), "{answer}");
    assert_eq!(curl_text([server.url("/")]), "a file");
}

#[test]
fn mistakes_on_the_command_line() {
    for (flags, message) in [
        (&["--proxy", "9000"][..], "expected PATH=TARGET"),
        (&["--proxy", "/a=9000"], "the port is missing"),
        (
            &["--proxy", "/a=h:1", "--proxy-max-content", "5"],
            "--proxy-buffer-requests",
        ),
        (
            &["--proxy", "/a=h:1", "--proxy-send-files", "/p=/none/such"],
            "--proxy-send-files: ",
        ),
        (
            &["--proxy", "/a=h:1", "--proxy-send-files", "p=/"],
            "PATH is a URL path",
        ),
        (&["--proxy", "/a=h:1;weight=0"], "expected ;weight=N"),
        (&["--proxy", "/a=h:1;max=0"], "expected ;weight=N or ;max=N"),
        (
            &["--proxy", "/a=h:1", "--proxy-queue-timeout", "0"],
            "0 is not in",
        ),
        (
            &["--proxy", "/a=h:1", "--proxy-slow-start", "x"],
            "invalid value 'x'",
        ),
        (
            &["--proxy", "/a=h:1", "--proxy-balance", "x"],
            "round-robin",
        ),
        (
            &["--proxy", "/a=h:1", "--proxy-trust", "10.0.0.0/33"],
            "an IP address or a range",
        ),
        (
            &["--proxy", "/a=h:1", "--proxy-check-rise", "2"],
            "--proxy-check <PATH>",
        ),
        (
            &["--proxy", "/a=https://h", "--proxy-ca", "/nowhere"],
            "--proxy-ca /nowhere: ",
        ),
        (
            &["--proxy", "/a=https://h", "--proxy-tls-name", "a b"],
            "no host name",
        ),
        (
            &["--proxy", "/a=https://h_:x"],
            "the port is not a number from 1 to 65535",
        ),
        (&["--proxy", "/a=h:1,"], "a server is missing"),
        (
            &["--proxy", "/a=http://h/x,http://i/y"],
            "have the same path",
        ),
        (
            &["--proxy", "/a=h:1", "--proxy-ca", "/nowhere"],
            "--proxy-ca has no use",
        ),
        (
            &["--proxy", "/a=h:1", "--proxy-insecure"],
            "--proxy-insecure has no use",
        ),
        (
            &["--fastcgi", "/a=h:1", "--proxy-tls-name", "h"],
            "--proxy-tls-name has no use",
        ),
        (
            &["--proxy", "/a=h:1", "--fastcgi", "/a=h:2"],
            "both --proxy and --fastcgi name the path /a",
        ),
        (
            &["--proxy", "/a=h:1", "--cgi", "/a"],
            "both --proxy and --cgi name the path /a",
        ),
        (
            &["--fastcgi", "*.php=h:1", "--cgi", "*.PHP"],
            "both --fastcgi and --cgi name the path *.PHP",
        ),
        (
            &["--fastcgi", "*.php=h:1", "--fastcgi", "*.Php=h:2"],
            "names the path *.Php twice",
        ),
        (&["--cgi", "/a", "--cgi", "/a"], "--cgi names /a twice"),
        (&["--proxy", "a=h:1"], "PATH is a URL path"),
        (
            &["--proxy", "/a=h:1", "--proxy", "/a=h:2"],
            "names the path /a twice",
        ),
        (
            &["--proxy", "/a=h:1", "--proxy-host", "a b"],
            "expected keep, upstream",
        ),
        (
            &["--proxy", "/a=h:1", "--proxy-header", "Host: x"],
            "writes host itself",
        ),
        (
            &["--proxy", "/a=h:1", "--proxy-timeout", "0"],
            "0 is not in",
        ),
    ] {
        let output = tinyhttp()
            .args(["serve", "-p", "0"])
            .args(flags)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && text.contains(message),
            "{flags:?}: {text}"
        );
    }
}
