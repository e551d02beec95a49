//! Folders without an index: the listing in a real browser, and archives that are resumed with
//! curl.

use serde_json::json;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};
use support::browser::Browser;
use support::{Folder, Serve, curl, curl_text};

/// A name that does its worst.
const ODD: &str = "<img src=x onerror=alert(1)> \"'&?#%ü.txt";

const README: &str = "# Title\n\nWords <script>alert(1)</script>, [down](#below)\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n## Below\n";

fn folder() -> Folder {
    let folder = Folder::new()
        .with("folder/zoo/x", "")
        .with("folder/a10.txt", "1")
        .with("folder/a9.txt", "123")
        .with("folder/B.txt", "12")
        .with(format!("folder/{ODD}"), "odd content")
        .with("folder/README.md", README);
    for (day, name) in ["a9.txt", "B.txt", "a10.txt", ODD, "README.md"]
        .iter()
        .enumerate()
    {
        let file = std::fs::File::open(folder.path().join("folder").join(name)).unwrap();
        let time = Duration::from_secs(1_700_000_000 + day as u64 * 86_400);
        file.set_modified(UNIX_EPOCH + time).unwrap();
    }
    folder
}

/// The names that are shown, in order, with `|` between.
fn names(browser: &mut Browser) -> String {
    let names = browser.evaluate(
        "[...document.querySelectorAll('tbody tr:not([hidden]) a')].map((link) => link.textContent).join('|')",
    );
    names.as_str().unwrap().replace(ODD, "ODD")
}

fn press(browser: &mut Browser, key: &str) {
    for kind in ["keyDown", "keyUp"] {
        let mut event = json!({"type": kind, "key": key, "code": key});
        match key {
            "Enter" => event["text"] = json!("\r"),
            "Backspace" => event["windowsVirtualKeyCode"] = json!(8),
            key if key.len() == 1 && kind == "keyDown" => event["text"] = json!(key),
            _ => {}
        }
        browser.call("Input.dispatchKeyEvent", &event);
    }
}

#[test]
fn a_listing_in_a_browser() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let folder = folder();
    let server = Serve::start(folder.path(), [""; 0]);
    let listing = server.url("/folder/");
    assert_eq!(browser.open(&listing), [""; 0]);
    assert_eq!(
        names(&mut browser),
        "..|zoo/|ODD|a9.txt|a10.txt|B.txt|README.md"
    );

    // The columns' heads: the largest and the newest come first, and a second click turns the order
    // round.
    let table = [
        ("Size", "..|zoo/|README.md|ODD|a9.txt|B.txt|a10.txt"),
        ("Size", "..|zoo/|a10.txt|B.txt|a9.txt|ODD|README.md"),
        ("Name", "..|zoo/|ODD|a9.txt|a10.txt|B.txt|README.md"),
        ("Modified", "..|zoo/|README.md|ODD|a10.txt|B.txt|a9.txt"),
        ("Modified", "..|zoo/|a9.txt|B.txt|a10.txt|ODD|README.md"),
    ];
    for (column, want) in table {
        let click = "[...document.querySelectorAll('thead button')].find((link) => link.textContent === 'COLUMN').click()";
        browser.evaluate(&click.replace("COLUMN", column));
        assert_eq!(names(&mut browser), want, "{column}");
        let sorted = browser.evaluate("document.querySelector('[aria-sort]').textContent");
        assert_eq!(sorted, column);
    }

    // The order is kept: by other directories, and by this one when it is loaded again.
    let kept = "[document.querySelector('.dir a').search, document.querySelector('h1 a').search, location.search]";
    let order = "?sort=modified&order=asc";
    assert_eq!(browser.evaluate(kept), json!([order, order, order]));

    // Keys: to the filter, into the list, and out again.
    press(&mut browser, "/");
    press(&mut browser, "A");
    assert_eq!(names(&mut browser), "..|a9.txt|a10.txt|ODD|README.md");
    let count = browser.evaluate("document.querySelector('[role=status]').textContent");
    assert_eq!(count, "4 of 6");
    press(&mut browser, "ArrowDown");
    press(&mut browser, "ArrowDown");
    assert_eq!(
        browser.evaluate("document.activeElement.textContent"),
        "a10.txt"
    );
    press(&mut browser, "Escape");
    assert_eq!(
        names(&mut browser),
        "..|zoo/|a9.txt|B.txt|a10.txt|ODD|README.md"
    );

    // Times are those of the reader's clock.
    let is_local = "(() => { const time = document.querySelector('time');
        return time.textContent === new Date(time.dateTime).toLocaleString('sv').slice(0, 16); })()";
    assert_eq!(browser.evaluate(is_local), true);

    // The README: its headings can be linked to, its columns are aligned, and nothing in it runs.
    let readme = "(() => { const article = document.querySelector('article');
        article.querySelector('a').click();
        return [location.hash, document.querySelector(':target').textContent, article.querySelectorAll('script').length,
            getComputedStyle(article.querySelector('td:last-child')).textAlign]; })()";
    assert_eq!(
        browser.evaluate(readme),
        json!(["#below", "Below", 0, "right"])
    );

    let odd = "[...document.querySelectorAll('tbody a')].find((link) => link.textContent.startsWith('<')).href";
    let odd = browser.evaluate(odd);
    assert_eq!(browser.open(odd.as_str().unwrap()), [""; 0]);
    assert_eq!(browser.evaluate("document.body.textContent"), "odd content");
}

/// What the server left out by a filter in the address comes back when the filter is taken away.
#[test]
fn a_filter_in_the_address_can_be_changed() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let folder = folder();
    let server = Serve::start(folder.path(), [""; 0]);
    assert_eq!(
        browser.open(&server.url("/folder/?filter=a1&sort=size&order=desc")),
        [""; 0]
    );
    assert_eq!(names(&mut browser), "..|a10.txt");
    // Typing goes on where it was.
    press(&mut browser, "0");
    let value = "document.activeElement.value";
    assert_eq!(browser.evaluate(value), "a10");
    assert_eq!(names(&mut browser), "..|a10.txt");
    for _ in 0..2 {
        press(&mut browser, "Backspace");
    }
    browser.wait_for("Page.loadEventFired");
    assert_eq!(names(&mut browser), "..|README.md|ODD|a9.txt|a10.txt");
    assert_eq!(browser.evaluate(value), "a");
}

/// Nothing is wider than the screen, whatever the names are, and names don't pretend to be others.
#[test]
fn odd_names_fit_a_telephone() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let long = "L".repeat(250);
    let site = Folder::new()
        .with(format!("{long}/a/b/c/{long}"), "")
        .with("\u{202e}gpj.exe", "")
        .with("a  b\n", "")
        .with(
            "README.md",
            format!("# {long}\n\n    {long}\n\n{long}\n\n|{long}|\n|-|\n"),
        );
    let server = Serve::start(site.path(), [""; 0]);
    let size = json!({"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": true});
    browser.call("Emulation.setDeviceMetricsOverride", &size);
    for path in ["/", &format!("/{long}/a/b/c/")] {
        assert_eq!(browser.open(&server.url(path)), [""; 0]);
        let width = browser.evaluate("document.documentElement.scrollWidth");
        assert!(width.as_u64() <= Some(360), "{path}: {width}");
    }
    browser.open(&server.url("/"));
    assert_eq!(
        names(&mut browser),
        format!("{long}/|a  b␊|README.md|\u{fffd}gpj.exe")
    );
}

/// On a telephone the dates are there, and what sorts by them.
#[test]
fn a_telephone_sorts_by_date() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let folder = folder();
    let server = Serve::start(folder.path(), [""; 0]);
    let size = json!({"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": true});
    browser.call("Emulation.setDeviceMetricsOverride", &size);
    assert_eq!(browser.open(&server.url("/folder/")), [""; 0]);
    let widths = "[...document.querySelectorAll('thead button, tbody time')].map((one) => one.getBoundingClientRect())
        .every((box) => box.width > 20 && box.right <= 360)";
    assert_eq!(browser.evaluate(widths), true);
    browser.evaluate("document.querySelectorAll('thead button')[2].click()");
    assert_eq!(
        names(&mut browser),
        "..|zoo/|README.md|ODD|a10.txt|B.txt|a9.txt"
    );
}

/// A mirror holds every file once, and no list in another order.
#[test]
fn a_mirror_has_every_file_once() {
    if Command::new("wget").arg("--version").output().is_err() {
        return;
    }
    let folder = Folder::new()
        .with("a.txt", "a")
        .with("docs/b.txt", "b")
        .with("docs/deep/c.txt", "c")
        .with("docs/README.md", "[b](b.txt) <a href=\"deep/c.txt\">c</a>");
    let server = Serve::start(folder.path(), [""; 0]);
    let mirror = Folder::new();
    let status = Command::new("wget")
        .args(["-q", "-r", "-nH", "--no-config", "-P", &mirror.join("")])
        .arg(server.url("/"))
        .env("no_proxy", "*")
        .status();
    assert!(status.is_ok());
    let mut found = Vec::new();
    let mut left = vec![mirror.path().to_owned()];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else {
            let name = path.strip_prefix(mirror.path()).unwrap();
            found.push(name.to_str().unwrap().to_owned());
        }
    }
    found.sort_unstable();
    let want = [
        "a.txt",
        "docs/README.md",
        "docs/b.txt",
        "docs/deep/c.txt",
        "docs/deep/index.html",
        "docs/index.html",
        "index.html",
    ];
    assert_eq!(found, want);
}

/// What the server may not read is left out of an archive, and the log says so.
#[test]
fn an_archive_of_what_can_be_read() {
    let folder = Folder::new()
        .with("folder/readable", "content")
        .with("folder/secret", "secret")
        .with("folder/closed/x", "x");
    let close = |name: &str| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o000);
        std::fs::set_permissions(folder.path().join(name), mode).unwrap();
    };
    close("folder/secret");
    close("folder/closed");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    // The superuser reads everything.
    let is_root = std::fs::read(folder.path().join("folder/secret")).is_ok();
    let flags: &[&str] = if is_root { &["--user", "nobody"] } else { &[] };
    let server = Serve::start(folder.path(), flags);
    for format in ["tar", "zip"] {
        let output = curl([server.url(&format!("/folder/?download={format}"))]);
        let content = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{format}");
        assert!(content.contains("content") && !content.contains("secret"));
        assert!(!content.contains("closed"), "{format}");
    }
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path().join("folder/closed"), mode).unwrap();
    // Each archive has a line; lines of the access log come between.
    while !server.stderr_line().contains("left out of an archive") {}
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
