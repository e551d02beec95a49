//! Folders without an index: the listing in a real browser, and archives that are resumed with curl.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use percent_encoding::percent_decode_str;
use std::process::{Child, Command, Stdio};
use support::{Folder, Serve, curl, curl_text};

/// A page that has the listing in a frame, does what a user would, and tells the server what it sees.
const USER: &str = r#"<!doctype html>
<iframe src="/folder/" width="900" height="600"></iframe>
<script>
"use strict";
let told = 0;
const tell = (what) => fetch(`/told/${told++}?${encodeURIComponent(what)}`);
const frame = document.querySelector("iframe");
const loaded = () => new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
const page = () => frame.contentDocument;
const names = () => [...page().querySelectorAll("tbody tr:not([hidden]) a")].map((link) => link.textContent).join("|");
const press = (key) => (page().activeElement ?? page().body).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
(async () => {
  await loaded();
  await tell(names());
  const [name, size, modified] = page().querySelectorAll("thead a");
  size.click();
  await tell(names());
  size.click();
  await tell(names());
  name.click();
  await tell(names() + page().querySelector("[aria-sort]").getAttribute("aria-sort"));
  modified.click();
  await tell(names());

  press("/");
  const filter = page().activeElement;
  filter.value = "A";
  filter.dispatchEvent(new Event("input", { bubbles: true }));
  await tell(names() + page().getElementById("count").textContent);
  press("ArrowDown");
  press("ArrowDown");
  await tell(page().activeElement.textContent);
  press("Escape");
  await tell(names());

  const time = page().querySelector("time");
  const date = new Date(time.dateTime);
  await tell(time.textContent === new Date(time.textContent.replace(" ", "T")).toLocaleString("sv").slice(0, 16));
  await tell(page().querySelector("article").textContent.trim() + page().querySelectorAll("article script, article img").length);

  const odd = [...page().querySelectorAll("tbody a")].find((link) => link.textContent.startsWith("<"));
  odd.click();
  await loaded();
  await tell(page().body.textContent);
})().catch((error) => tell("failed: " + error));
</script>
"#;

struct Browser(Child);

impl Browser {
    /// `None` if there is none on this machine.
    fn open(url: &str, profile: &Folder) -> Option<Self> {
        let browser = Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args(["--disable-dev-shm-usage", "--disable-background-networking"])
            .args(["--remote-debugging-port=0", "--no-proxy-server"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        browser.ok().map(Browser)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_listing_in_a_browser() {
    let odd = "<img src=x onerror=parent.tell('broken')> \"'&?#%ü.txt";
    let folder = Folder::new()
        .with("user.html", USER)
        .with("folder/zoo/x", "")
        .with("folder/a10.txt", "1")
        .with("folder/a9.txt", "123")
        .with("folder/B.txt", "12")
        .with(format!("folder/{odd}"), "odd content")
        .with(
            "folder/README.md",
            "Words <script>parent.tell('broken')</script>",
        );
    for (name, day) in [
        ("a10.txt", 3),
        ("a9.txt", 1),
        ("B.txt", 2),
        (odd, 4),
        ("README.md", 5),
    ] {
        let file = std::fs::File::open(folder.path().join("folder").join(name)).unwrap();
        let time =
            std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000 + day * 86_400);
        file.set_modified(time).unwrap();
    }
    let profile = Folder::new();
    let server = Serve::start(folder.path(), [""; 0]);
    let Some(_browser) = Browser::open(&server.url("/user.html"), &profile) else {
        eprintln!("skipped: chromium is not installed");
        return;
    };
    let want = [
        format!("..|zoo/|{odd}|a9.txt|a10.txt|B.txt|README.md"),
        format!("..|zoo/|a10.txt|B.txt|a9.txt|{odd}|README.md"),
        format!("..|zoo/|README.md|{odd}|a9.txt|B.txt|a10.txt"),
        format!("..|zoo/|{odd}|a9.txt|a10.txt|B.txt|README.mdascending"),
        format!("..|zoo/|a9.txt|B.txt|a10.txt|{odd}|README.md"),
        format!("..|a9.txt|a10.txt|{odd}|README.md4 of 6"),
        "a10.txt".to_owned(),
        format!("..|zoo/|a9.txt|B.txt|a10.txt|{odd}|README.md"),
        "true".to_owned(),
        "Words <script>parent.tell('broken')</script>0".to_owned(),
        "odd content".to_owned(),
    ];
    for (number, want) in want.iter().enumerate() {
        let line = loop {
            let line = server.stderr_line();
            if line.contains("/told/") {
                break line;
            }
        };
        let told = line
            .split(&format!("/told/{number}?"))
            .nth(1)
            .expect("in order");
        let told = told.split(' ').next().unwrap();
        assert_eq!(
            percent_decode_str(told).decode_utf8().unwrap(),
            *want,
            "{number}"
        );
    }
}

#[test]
fn an_archive_is_resumed() {
    let folder = Folder::new()
        .with("folder/a/b.txt", "b".repeat(100_000))
        .with("folder/a b#?%ü<&>.txt", "odd")
        .with("folder/.hidden", "hidden");
    let server = Serve::start(folder.path(), [""; 0]);
    let downloads = Folder::new();
    for format in ["tar", "zip"] {
        let url = server.url(&format!("/folder/?download={format}"));
        let whole = curl([url.as_str()]).stdout;
        downloads.write("part", &whole[..60_000]);
        let status = curl_text([
            "-C",
            "-",
            "-o",
            &downloads.join("part"),
            "-w",
            "%{http_code}",
            &url,
        ]);
        assert_eq!(status, "206");
        assert!(downloads.read("part") == whole, "{format}");
        let name = curl_text([
            "-OJ",
            "--output-dir",
            &downloads.join(""),
            "-w",
            "%{filename_effective}",
            &url,
        ]);
        assert!(name.ends_with(&format!("folder.{format}")), "{name}");
    }
    let tar = Command::new("tar")
        .args([
            "-xf",
            &downloads.join("folder.tar"),
            "-C",
            &downloads.join(""),
        ])
        .status();
    assert!(tar.unwrap().success());
    assert_eq!(
        downloads.read("folder/a/b.txt"),
        folder.read("folder/a/b.txt")
    );
    assert_eq!(downloads.read("folder/a b#?%ü<&>.txt"), b"odd");
    assert!(!downloads.path().join("folder/.hidden").exists());
}
