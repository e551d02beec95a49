//! `--fastcgi '*.php=…'` in front of PHP-FPM. Where PHP can't be installed, the tests are skipped,
//! and say so.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::{Folder, Running, Serve, curl, curl_status, curl_text, send_signal, wait_until};

/// PHP-FPM, whatever its version.
fn php_fpm() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/sbin")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with("php-fpm"))
        })
        .collect();
    found.sort();
    found.pop()
}

/// PHP-FPM on a socket in a folder.
struct Fpm {
    running: Running,
    socket: String,
}

impl Drop for Fpm {
    /// Lets it end its processes, which would outlive it if it were killed.
    fn drop(&mut self) {
        send_signal(self.running.0.id(), "TERM");
        let _ = self.running.0.wait();
    }
}

impl Fpm {
    /// Starts it with two processes, and these lines in its pool. `None`: it is not installed.
    fn start(folder: &Folder, lines: &str) -> Option<Self> {
        let Some(program) = php_fpm() else {
            eprintln!("skipped: PHP-FPM is not installed");
            return None;
        };
        let socket = folder.join("php.sock");
        let place = folder.path().display();
        folder.write("sessions/x", "");
        // Root's processes become another user.
        for name in ["sessions", ""] {
            let mode = PermissionsExt::from_mode(0o777);
            std::fs::set_permissions(folder.path().join(name), mode).unwrap();
        }
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|it| {
            use std::os::unix::fs::MetadataExt;
            it.uid() == 0
        });
        let user = match is_root {
            true => "user = nobody\ngroup = nogroup\n",
            false => "",
        };
        let configuration = format!(
            "[global]\nerror_log = {place}/fpm.log\ndaemonize = no\n\
             [www]\nlisten = {socket}\nlisten.mode = 0666\n{user}\
             pm = static\npm.max_children = 2\ncatch_workers_output = no\n\
             php_admin_value[session.save_path] = {place}/sessions\n\
             php_admin_value[upload_tmp_dir] = {place}/sessions\n\
             php_admin_value[upload_max_filesize] = 20M\nphp_admin_value[post_max_size] = 20M\n\
             php_admin_value[error_log] = \nphp_admin_flag[log_errors] = on\n{lines}\n"
        );
        folder.write("fpm.conf", configuration);
        let child = Command::new(program)
            .args(["-F", "-y"])
            .arg(folder.path().join("fpm.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let running = Running(child);
        wait_until("PHP-FPM listens", || Path::new(&socket).exists());
        Some(Fpm { running, socket })
    }

    fn serve(&self, folder: &Folder, flags: &[&str]) -> Serve {
        let pattern = format!("*.php=unix:{}", self.socket);
        let flags = ["--fastcgi", &pattern]
            .into_iter()
            .chain(flags.iter().copied());
        Serve::start(&folder.path().join("www"), flags)
    }
}

const INDEX: &str = r#"<?php
session_start();
$_SESSION["n"] = ($_SESSION["n"] ?? 0) + 1;
echo "visit ", $_SESSION["n"];
"#;

const ECHO: &str = r#"<?php
header("Content-Type: application/json");
$names = ["REQUEST_METHOD", "SCRIPT_NAME", "SCRIPT_FILENAME", "PATH_INFO", "PATH_TRANSLATED",
          "DOCUMENT_ROOT", "QUERY_STRING", "REQUEST_URI", "REDIRECT_STATUS", "CONTENT_LENGTH",
          "CONTENT_TYPE", "PHP_SELF", "HTTP_PROXY", "HTTP_X_A", "SERVER_PROTOCOL", "REMOTE_ADDR"];
$seen = [];
foreach ($names as $name) { $seen[$name] = $_SERVER[$name] ?? null; }
$seen["get"] = $_GET; $seen["post"] = $_POST;
$seen["length"] = strlen(file_get_contents("php://input"));
$seen["argv"] = $_SERVER["argv"] ?? null;
$seen["pid"] = getmypid();
echo json_encode($seen);
"#;

const UPLOAD: &str = r#"<?php
$file = $_FILES["file"];
echo $file["name"], " ", filesize($file["tmp_name"]), " ", md5_file($file["tmp_name"]);
"#;

const LARGE: &str = r#"<?php
for ($i = 0; $i < 300; $i++) { echo str_repeat(chr(97 + $i % 26), 40000); }
"#;

const WARN: &str = r#"<?php
error_log("first\x1b[31m line");
fwrite(fopen("php://stderr", "w"), "");
http_response_code(503);
header("Retry-After: 7");
setcookie("a", "1"); setcookie("b", "2");
echo "sorry";
"#;

fn site() -> Folder {
    let pages = [
        ("index.php", INDEX),
        ("echo.php", ECHO),
        ("upload.php", UPLOAD),
        ("large.php", LARGE),
        ("warn.php", WARN),
        ("empty.php", "<?php http_response_code(204);"),
        ("moved.php", "<?php header('Location: /echo.php');"),
        (
            "dies.php",
            "<?php ini_set('memory_limit', '3M'); $x = str_repeat('x', 90000000); echo $x;",
        ),
        ("page.html", "a page"),
        ("uploads/image.jpg", "<?php echo 'executed';"),
        ("uploads/evil.php", "<?php echo 'executed';"),
    ];
    let folder = Folder::new();
    for (name, content) in pages {
        folder.write(format!("www/{name}"), content);
    }
    folder
}

fn json(arguments: &[&str]) -> serde_json::Value {
    let text = curl_text(arguments);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_page_with_sessions_forms_and_uploads() {
    let folder = site();
    let Some(fpm) = Fpm::start(&folder, "") else {
        return;
    };
    let server = fpm.serve(&folder, &["--no-scripts", "/uploads"]);
    let root = folder.join("www");
    // Variables.
    let seen = json(&[
        "-H",
        "Proxy: http://evil",
        "-H",
        "X_A: evil",
        "-H",
        "X-A: 1",
        &server.url("/echo.php/a%20b?c=d&e=%2f"),
    ]);
    for (name, expected) in [
        ("REQUEST_METHOD", "GET"),
        ("SCRIPT_NAME", "/echo.php"),
        ("SCRIPT_FILENAME", &format!("{root}/echo.php")),
        ("PATH_INFO", "/a b"),
        ("PATH_TRANSLATED", &format!("{root}/a b")),
        ("DOCUMENT_ROOT", &root),
        ("QUERY_STRING", "c=d&e=%2f"),
        ("REQUEST_URI", "/echo.php/a%20b?c=d&e=%2f"),
        ("REDIRECT_STATUS", "200"),
        ("PHP_SELF", "/echo.php/a b"),
        ("HTTP_X_A", "1"),
        ("REMOTE_ADDR", "127.0.0.1"),
    ] {
        assert_eq!(seen[name], expected, "{name}");
    }
    assert_eq!(seen["get"]["e"], "/");
    assert!(seen["HTTP_PROXY"].is_null(), "{seen}");
    let seen = json(&[&server.url("/echo.php?-s+-d")]);
    assert!(
        seen["PATH_INFO"].is_null() || seen["PATH_INFO"] == "",
        "{seen}"
    );
    assert_eq!(seen["QUERY_STRING"], "-s+-d");
    // Forms, and content of unknown length.
    let url = server.url("/echo.php");
    let seen = json(&["-d", "name=v%20w", &url]);
    assert_eq!(
        (&seen["post"]["name"], &seen["length"]),
        (&"v w".into(), &10.into())
    );
    let large = folder.join("large");
    std::fs::write(&large, "0123456789abcdef".repeat(20_000)).unwrap();
    let binary = format!("@{large}");
    for flags in [
        &["-H", "Content-Type: a/b"][..],
        &["-H", "Transfer-Encoding: chunked"],
    ] {
        let seen = json(&[flags, &["-X", "PUT", "--data-binary", &binary, &url]].concat());
        assert_eq!(
            (&seen["length"], &seen["CONTENT_LENGTH"]),
            (&320_000.into(), &"320000".into())
        );
    }
    // Sessions.
    let jar = folder.join("jar");
    let visit = || curl_text(["-b", &jar, "-c", &jar, &server.url("/")]);
    assert_eq!(
        (visit(), visit()),
        ("visit 1".to_owned(), "visit 2".to_owned())
    );
    // Uploads: small, large, and with a client that waits for 100 Continue.
    let small = folder.join("small");
    std::fs::write(&small, "x").unwrap();
    let huge = folder.join("huge");
    std::fs::write(&huge, vec![b'y'; 9_000_000]).unwrap();
    for (path, name, length) in [
        (&small, "small", 1),
        (&large, "large", 320_000),
        (&huge, "huge", 9_000_000),
    ] {
        let file = format!("file=@{path}");
        let sum = Command::new("md5sum").arg(path).output().unwrap().stdout;
        let sum = String::from_utf8_lossy(&sum[..32]).into_owned();
        let arguments = [
            "-H",
            "Expect: 100-continue",
            "-F",
            &file,
            &server.url("/upload.php"),
        ];
        let answer = curl_text(["--expect100-timeout", "20"].iter().chain(&arguments));
        assert_eq!(answer, format!("{name} {length} {sum}"));
    }
    // Nothing but scripts is run, and no source is sent.
    assert_eq!(curl_text([server.url("/page.html")]), "a page");
    assert_eq!(
        curl_text([server.url("/uploads/image.jpg")]),
        "<?php echo 'executed';"
    );
    for path in [
        "/uploads/image.jpg/x.php",
        "/uploads/evil.php",
        "/missing.php",
        "/echo.php.",
        "/echo.PHP",
    ] {
        assert_eq!(
            curl_status(["--path-as-is", &server.url(path)]),
            404,
            "{path}"
        );
    }
    assert_eq!(curl_status([server.url("/echo.php/%0a")]), 400);
}

#[test]
fn responses_of_php() {
    let folder = site();
    let Some(fpm) = Fpm::start(&folder, "") else {
        return;
    };
    let server = fpm.serve(&folder, &[]);
    let large = curl([server.url("/large.php")]).stdout;
    assert_eq!(large.len(), 12_000_000);
    assert!(
        large.chunks(40_000).enumerate().all(|(number, piece)| {
            piece.iter().all(|byte| *byte == b'a' + (number % 26) as u8)
        })
    );
    let answer = curl_text(["-i", &server.url("/warn.php")]);
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(
        head.contains("Retry-After: 7") && text == "sorry",
        "{answer}"
    );
    assert_eq!(head.matches("Set-Cookie:").count(), 2, "{head}");
    assert!(!head.contains("Status:"), "{head}");
    // Its messages go into the log, without control characters.
    let line =
        std::iter::from_fn(|| Some(server.stderr_line())).find(|line| line.contains("first"));
    let line = line.unwrap();
    assert!(line.contains("first\\x1b[31m line"), "{line:?}");
    assert_eq!(curl_status([server.url("/empty.php")]), 204);
    assert_eq!(curl_status(["-I", &server.url("/large.php")]), 200);
    let moved = curl_text(["-i", &server.url("/moved.php")]);
    assert!(
        moved.starts_with("HTTP/1.1 302 ") && moved.contains("Location: /echo.php"),
        "{moved}"
    );
    assert_eq!(curl_status([server.url("/dies.php")]), 500);
}

/// PHP-FPM resets kept connections when a process has handled its share of requests.
#[test]
fn connections_are_kept_and_their_end_costs_no_request() {
    let folder = site();
    let Some(fpm) = Fpm::start(&folder, "pm.max_requests = 5") else {
        return;
    };
    let server = fpm.serve(&folder, &[]);
    let mut raw = server.connect();
    let mut pids = std::collections::BTreeSet::new();
    for number in 0..40 {
        let answer = raw.get(&format!("/echo.php?n={number}"));
        assert_eq!(answer.status, 200, "{number}");
        let seen: serde_json::Value = serde_json::from_str(&answer.text()).unwrap();
        assert_eq!(seen["QUERY_STRING"], format!("n={number}"));
        pids.insert(seen["pid"].as_u64());
    }
    // On a new connection for each request, other processes would take turns.
    assert!((5..=20).contains(&pids.len()), "{pids:?}");
}

/// A page decides whether the client gets a file, and the server sends it.
#[test]
fn a_page_can_have_a_file_sent() {
    let page = r#"<?php
header("Content-Type: application/x-report");
header("Content-Disposition: attachment; filename=report");
header($_GET["how"] . ": " . $_GET["what"]);
echo "no content of a page";
"#;
    let large: Vec<u8> = (0..2_000_000u32).map(|at| (at % 251) as u8).collect();
    let folder = Folder::new()
        .with("www/a.php", page)
        .with("files/report", &large)
        .with("secret", "secret");
    let Some(fpm) = Fpm::start(&folder, "") else {
        return;
    };
    let flag = format!("/protected={}", folder.join("files"));
    let server = fpm.serve(&folder, &["--proxy-send-files", &flag]);
    for (how, what) in [
        ("X-Accel-Redirect", "/protected/report".to_owned()),
        ("X-Sendfile", folder.join("files/report")),
    ] {
        let url = server.url(&format!("/a.php?how={how}&what={what}"));
        for _ in 0..3 {
            let output = curl(["-sS", &url]);
            assert!(
                output.stdout == large,
                "{how}: {} bytes",
                output.stdout.len()
            );
        }
        let head = curl_text(["-I", &url]).to_lowercase();
        assert!(head.contains("content-length: 2000000\r\n"), "{head}");
        assert!(
            head.contains("content-type: application/x-report\r\n"),
            "{head}"
        );
        assert!(head.contains("filename=report\r\n"), "{head}");
        assert_eq!(curl(["-sS", "-r", "250-252", &url]).stdout, [250, 0, 1]);
    }
    let outside = server.url("/a.php?how=X-Sendfile&what=/etc/passwd");
    assert_eq!(curl_status([outside]), 404);
}
