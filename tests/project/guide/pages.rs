//! The pages in a browser: nothing fails, everything fits, and the experiments show what they
//! promise.

use super::html::pages;
use serde_json::json;
use support::browser::Browser;
use support::{Folder, Serve, root};

fn serve() -> Serve {
    Serve::start(&root().join("www"), ["-q"; 0])
}

/// Presses a section's button: what the page then says of it, and the response it shows.
fn experiment(browser: &mut Browser, section: &str) -> (String, String) {
    let script = r##"new Promise((done) => {
        const section = document.getElementById("SECTION");
        const said = section.querySelector(".run span");
        new MutationObserver(() => {
            if (said.textContent === "…") return;
            done([said.textContent, section.querySelector(".from-server code").innerText]);
        }).observe(said, { childList: true });
        section.querySelector(".run button").click();
    })"##;
    let result = browser.evaluate(&script.replace("SECTION", section));
    let text = |at: usize| result[at].as_str().unwrap().to_owned();
    (text(0), text(1))
}

/// A screen of that width, in the light or the dark.
fn look(browser: &mut Browser, width: u64, theme: &str) {
    let size =
        json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500});
    browser.call("Emulation.setDeviceMetricsOverride", &size);
    let theme = json!({"features": [{"name": "prefers-color-scheme", "value": theme}]});
    browser.call("Emulation.setEmulatedMedia", &theme);
}

/// Style rules that stand for other machines' fonts: whatever is installed here, letters get wider
/// than in most fonts.
const FONTS: [&str; 3] = [
    "",
    "* { font-family: monospace !important }",
    "* { font-family: monospace !important; letter-spacing: .08em !important }",
];

/// How wide a page is with these fonts, in the pixels of its screen.
fn needed_width(browser: &mut Browser, fonts: &str) -> Option<u64> {
    let script = r##"(() => {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(FONTS);
        document.adoptedStyleSheets = [sheet];
        return document.documentElement.scrollWidth;
    })()"##;
    let needed = browser.evaluate(&script.replace("FONTS", &json!(fonts).to_string()));
    needed.as_u64()
}

#[test]
fn no_page_has_errors_and_all_fit_a_phone_and_a_desk_with_any_font() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let server = serve();
    let mut urls: Vec<_> = pages().iter().map(|page| server.url(page)).collect();
    // Listings and error pages have a style of their own, and names from elsewhere.
    let long = "a-name-without-a-space-".repeat(6);
    let readme =
        format!("# {long}\n\n`{long}`\n\n    {long}\n\n|{long}|b|c|\n|-|-|-|\n|{long}|{long}|d|\n");
    let folder = Folder::new()
        .with("README.md", readme)
        .with(format!("{long}/sub/file"), "x")
        .with(format!("{long}.tar.gz"), "x");
    let listing = Serve::start(folder.path(), [""; 0]);
    let listed = ["/".to_owned(), format!("/{long}/"), format!("/{long}/sub/")];
    urls.extend(listed.iter().map(|path| listing.url(path)));
    let failing = [
        server.url("/nowhere"),
        listing.url(&format!("/{long}/nowhere")),
    ];
    for url in urls.iter().chain(&failing) {
        let complaints = browser.open(url);
        let fails = failing.contains(url);
        assert!(fails || complaints.is_empty(), "{url}: {complaints:#?}");
        for (width, theme) in [(320, "dark"), (360, "dark"), (1280, "light")] {
            look(&mut browser, width, theme);
            for fonts in FONTS {
                let needed = needed_width(&mut browser, fonts);
                assert!(
                    needed <= Some(width),
                    "{url} is {needed:?} wide on a screen of {width} with {fonts:?}"
                );
            }
        }
    }
}

/// The lines of a message that is printed on a page, without its content.
fn lines(sheet: &str) -> Vec<String> {
    let rows = sheet.split("<span class=\"row\">").skip(1).map(|row| {
        let row = row.split("\n").next().unwrap();
        let text = row
            .split('<')
            .map(|part| part.split_once('>').map_or(part, |(_, text)| text));
        text.collect::<String>()
    });
    rows.take_while(|row| !row.trim().is_empty()).collect()
}

/// A reader without scripts sees what a script would show: the same status, and the same fields.
#[test]
fn the_messages_on_the_pages_are_those_that_are_sent() {
    let server = serve();
    let tag = server.connect().get("/hello.txt");
    let tag = tag.field("etag").unwrap();
    let names = |lines: &[String]| -> Vec<String> {
        let names = lines[1..]
            .iter()
            .map(|line| line.split(':').next().unwrap());
        names.map(str::to_ascii_lowercase).collect()
    };
    let mut compared = 0;
    for (page, part) in [
        ("index.html", "<figure class=\"message"),
        ("guide/live.html", "<section class=\"experiment\""),
    ] {
        let text = std::fs::read_to_string(root().join("www").join(page)).unwrap();
        // On the start page, request and response are in figures of their own.
        let text = text.replace(
            "<figure class=\"message from-server\"",
            "<div class=\"sheet from-server\"",
        );
        for section in text.split(part).skip(1) {
            let Some((request, response)) = section.split_once("sheet from-server") else {
                continue;
            };
            let (mut request, shown) = (lines(request), lines(response));
            if shown.is_empty() {
                continue;
            }
            for line in &mut request {
                if line.starts_with("If-None-Match:") {
                    *line = format!("If-None-Match: {tag}");
                }
            }
            let method = request[0].split(' ').next().unwrap().to_owned();
            let mut raw = server.connect();
            raw.send(format!("{}\r\n\r\n", request.join("\r\n")));
            let sent = raw.answer_to(&method);
            assert_eq!(
                shown[0].split(' ').nth(1),
                Some(&*sent.status.to_string()),
                "{page}: {request:?}"
            );
            let head: Vec<String> = sent.head.lines().map(str::to_owned).collect();
            let mut sent = names(&head);
            sent.retain(|name| !name.is_empty());
            if page != "index.html" {
                sent.sort();
            }
            assert_eq!(names(&shown), sent, "{page}: {request:?}");
            compared += 1;
        }
    }
    assert_eq!(compared, 6);
}

#[test]
fn the_experiments_show_what_they_promise() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let server = serve();
    browser.open(&server.url("/guide/live.html"));
    let length = std::fs::metadata(root().join("www/hello.txt"))
        .unwrap()
        .len();
    let table = [
        ("whole", "HTTP/1.1 200 OK", length),
        ("unchanged", "HTTP/1.1 304 Not Modified", 0),
        ("part", "HTTP/1.1 206 Partial Content", 4),
        ("resume", "HTTP/1.1 200 OK", length),
        ("head", "HTTP/1.1 200 OK", 0),
        ("own", "HTTP/1.1 206 Partial Content", 58),
    ];
    for (section, line, length) in table {
        let (said, shown) = experiment(&mut browser, section);
        let status = line.split(' ').nth(1).unwrap();
        assert!(
            said.starts_with(&format!("{status}, {length} bytes of content, ")),
            "{section}: {said}"
        );
        assert!(shown.starts_with(line), "{section}: {shown}");
    }
    let (_, shown) = experiment(&mut browser, "part");
    assert!(
        shown.contains("Content-Range: bytes 6-9/") && shown.trim_end().ends_with("from"),
        "{shown}"
    );
    let steps =
        browser.evaluate("[...document.querySelectorAll('#timing dd')].map((e) => e.textContent)");
    assert_eq!(steps[0], server.url("/guide/live.html"));
    assert_eq!(browser.complaints(), [""; 0]);
    start_page(&mut browser, &server);
}

/// The start page has one experiment, too: its exchange, for real.
fn start_page(browser: &mut Browser, server: &Serve) {
    browser.open(&server.url("/"));
    let said = browser.evaluate(
        "new Promise((done) => {
            const said = document.querySelector('#again p');
            new MutationObserver(() => done(said.textContent)).observe(said, { childList: true });
            document.querySelector('#again button').click();
        })",
    );
    assert!(said.as_str().unwrap().starts_with("Answered in "), "{said}");
    let status = browser.evaluate("document.querySelector('#status-line').innerText.trim()");
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert_eq!(browser.complaints(), [""; 0]);
}
