//! Lists of what is in a folder.

use super::*;
use proptest::prelude::*;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::time::{Duration, UNIX_EPOCH};
use tinyhttp_message::Path;

/// What the rows of a page link to.
fn links(page: &str) -> Vec<String> {
    let rows = page
        .split("<tbody>")
        .nth(1)
        .unwrap()
        .split("</table>")
        .next()
        .unwrap();
    let links = rows.split("<td><a href=\"").skip(1);
    links
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

fn site() -> Site {
    Site::new(&[
        ("b.txt", "12345"),
        ("a10.txt", ""),
        ("a9.txt", "123"),
        ("folder/inner/x", ""),
        (".hidden", ""),
        ("Zoo/x", ""),
        (".well-known/x", ""),
    ])
}

#[test]
fn a_page_lists_what_would_be_served() {
    let site = site();
    symlink("b.txt", site.path("link")).unwrap();
    symlink("folder", site.path("link-folder")).unwrap();
    symlink("nowhere", site.path("broken")).unwrap();
    symlink("/etc/passwd", site.path("outside")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, site.path("fifo"), rustix::fs::Mode::RUSR).unwrap();
    let answer = site.get("/");
    assert_eq!(
        (answer.status, answer.field("content-type")),
        (200, "text/html; charset=utf-8")
    );
    assert_eq!(answer.field("cache-control"), "no-cache");
    assert_eq!(answer.field("vary"), "Accept, Accept-Encoding");
    let want = [
        ".well-known/",
        "folder/",
        "link-folder/",
        "Zoo/",
        "a9.txt",
        "a10.txt",
        "b.txt",
        "link",
    ];
    assert_eq!(links(answer.text()), want);
    for link in &want {
        assert_eq!(site.get(&format!("/{link}")).status, 200, "{link}");
    }
    assert!(answer.text().contains("<title>/</title>"));
    assert!(answer.text().contains("4 folders, 4 files, 13 B"));
    assert_eq!(
        site.answer(Request::head("/")).fields.get("vary"),
        answer.fields.get("vary")
    );
}

#[test]
fn orders_and_filters() {
    let site = site();
    let table = [
        (
            "?sort=name&order=desc",
            ".well-known/ Zoo/ folder/ b.txt a10.txt a9.txt",
            true,
        ),
        (
            "?sort=size",
            "Zoo/ folder/ .well-known/ a10.txt a9.txt b.txt",
            true,
        ),
        ("?sort=size&order=desc", "", true),
        ("?filter=A", "a9.txt a10.txt", false),
        ("?filter=10&sort=size&order=desc", "a10.txt", false),
        ("?filter=%F0%9F%98%80", "", false),
        (
            "?sort=nonsense&order=nonsense&x&=&%zz",
            ".well-known/ folder/ Zoo/ a9.txt a10.txt b.txt",
            false,
        ),
    ];
    for (query, want, any_folders) in table {
        let answer = site.get(&format!("/{query}"));
        assert_eq!(answer.status, 200, "{query}");
        let mut got = links(answer.text());
        if any_folders {
            got.retain(|link| !link.ends_with('/'));
        }
        let want: Vec<_> = want
            .split_whitespace()
            .filter(|link| !any_folders || !link.ends_with('/'))
            .collect();
        if query != "?sort=size&order=desc" {
            assert_eq!(got, want, "{query}");
        } else {
            assert_eq!(got, ["b.txt", "a9.txt", "a10.txt"]);
        }
    }
}

#[test]
fn the_way_up() {
    let site = site();
    let page = site.get("/folder/inner/");
    assert_eq!(links(page.text())[0], "../");
    let crumbs =
        "<h1><a href=\"../../\">/</a><wbr><a href=\"../\">folder/</a><wbr><b>inner</b>/</h1>";
    assert!(page.text().contains(crumbs), "{}", page.text());
}

#[test]
fn json_is_for_programs() {
    let site = site();
    fs::write(site.path("folder/\"<\n\u{7f}ü.txt"), "12").unwrap();
    let modified = UNIX_EPOCH + Duration::from_secs(1_763_669_443);
    for name in ["folder/\"<\n\u{7f}ü.txt", "folder/inner"] {
        File::open(site.path(name))
            .unwrap()
            .set_modified(modified)
            .unwrap();
    }
    let want = "[\n\
        {\"name\":\"inner\",\"type\":\"folder\",\"size\":0,\"modified\":\"2025-11-20T20:10:43Z\",\"href\":\"inner/\"},\n\
        {\"name\":\"\\\"<\\n\\u007fü.txt\",\"type\":\"file\",\"size\":2,\"modified\":\"2025-11-20T20:10:43Z\",\
        \"href\":\"%22%3C%0A%7F%C3%BC.txt\"}\n\
        ]\n";
    let table = [
        ("/folder/?json", "", true),
        ("/folder/?sort=size&json=1", "", true),
        ("/folder/", "Accept: application/json", true),
        (
            "/folder/",
            "Accept: application/json, text/html;q=0.9",
            true,
        ),
        (
            "/folder/",
            "Accept: text/html,application/xhtml+xml,*/*;q=0.8",
            false,
        ),
        ("/folder/", "Accept: */*", false),
        ("/folder/", "", false),
    ];
    for (target, fields, is_json) in table {
        let answer = site.get_with(target, fields);
        assert_eq!(
            answer.field("content-type") == "application/json",
            is_json,
            "{target} {fields}"
        );
        assert!(!is_json || answer.text() == want, "{}", answer.text());
    }
    let empty = Site::new(&[]);
    assert_eq!(empty.get("/?json").text(), "[\n]\n");
    assert!(empty.get("/").text().contains("This folder is empty."));
}

#[test]
fn names_are_escaped_wherever_they_stand() {
    let site = Site::new(&[]);
    let evil = "<img src=x onerror=alert(1)>\"'&amp;";
    fs::create_dir(site.path(evil)).unwrap();
    fs::write(site.path(&format!("{evil}/{evil}.txt")), "x").unwrap();
    fs::write(site.path(&format!("{evil}/javascript:alert(1)")), "x").unwrap();
    let outer = links(site.get("/").text());
    let inner = site.get(&format!("/{}?filter=%3Cscript%3E", outer[0]));
    assert!(inner.text().contains("value=\"&lt;script&gt;\""));
    let inner = site.get(&format!("/{}", outer[0]));
    for page in [site.get("/").text(), inner.text()] {
        assert!(
            !page.contains("<img") && !page.contains("href=\"javascript:"),
            "{page}"
        );
    }
    for link in &links(inner.text())[1..] {
        assert_eq!(
            site.get(&format!("/{}{link}", outer[0])).text(),
            "x",
            "{link}"
        );
    }
    let policy = inner.field("content-security-policy");
    let nonce = policy
        .split("script-src 'nonce-")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap();
    assert!(
        inner
            .text()
            .contains(&format!("<script nonce=\"{nonce}\">"))
    );
    assert_ne!(site.get("/").field("content-security-policy"), policy);
}

#[test]
fn a_readme_is_shown_below() {
    let site = Site::new(&[("README.txt", "plain <b>text</b>"), ("other", "")]);
    assert!(
        site.get("/")
            .text()
            .contains("<pre>plain &lt;b&gt;text&lt;/b&gt;</pre>")
    );
    assert!(!site.get("/?filter=other").text().contains("<pre>"));
    fs::write(site.path("readme.md"), "# Title <i>x</i>").unwrap();
    let page = site.get("/");
    if cfg!(feature = "markdown") {
        assert!(
            page.text()
                .contains("<h1 id=\"title-ixi\">Title &lt;i&gt;x&lt;/i&gt;</h1>")
        );
    } else {
        assert!(
            page.text()
                .contains("<pre># Title &lt;i&gt;x&lt;/i&gt;</pre>")
        );
    }
}

#[test]
fn whether_folders_are_listed() {
    let files = [("a/x", ""), (".dot/x", ""), ("b/index.html", "index")];
    let table = [
        (Options::new(), "/a/", 200),
        (Options::new(), "/.dot/", 404),
        (Options::new().hidden(true), "/.dot/", 200),
        (Options::new().listing(false), "/a/", 404),
        (Options::new().listing(false), "/a/?json", 404),
        (Options::new(), "/missing/", 404),
    ];
    for (options, target, status) in table {
        assert_eq!(
            Site::with(options, &files).get(target).status,
            status,
            "{target}"
        );
    }
    assert_eq!(Site::new(&files).get("/b/?json").text(), "index");
    assert_eq!(
        links(
            Site::with(Options::new().hidden(true), &files)
                .get("/")
                .text()
        )
        .len(),
        3
    );
}

#[cfg(feature = "compression")]
#[test]
fn a_listing_is_compressed() {
    let site = site();
    let plain = site.get("/?json");
    let answer = site.get_with("/?json", "Accept-Encoding: gzip");
    assert_eq!(answer.field("content-encoding"), "gzip");
    let mut decoded = String::new();
    flate2::read::GzDecoder::new(&answer.content[..])
        .read_to_string(&mut decoded)
        .unwrap();
    assert_eq!(decoded, plain.text());
}

#[test]
fn many_entries_arrive_in_order() {
    let site = Site::new(&[]);
    for number in 0..1000 {
        fs::write(site.path(&format!("{number}")), "").unwrap();
    }
    let want: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    assert_eq!(links(site.get("/").text()), want);
    assert_eq!(site.get("/?json").text().lines().count(), 1002);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_name_comes_back(names in prop::collection::btree_set(
        prop::collection::vec(1u8.., 1..40).prop_filter("a name that is shown", |name| {
            !name.contains(&b'/') && name[0] != b'.'
        }), 1..8)
    ) {
        let site = Site::with(Options::new().index(["-no-index-"]), &[]);
        for name in &names {
            fs::write(site.folder.path().join(OsStr::from_bytes(name)), name).unwrap();
        }
        let page = site.get("/");
        // Not all bytes of the page need be text elsewhere, but a listing always is.
        let mut seen = std::collections::BTreeSet::new();
        for link in links(page.text()) {
            let target = format!("/{link}");
            let content = site.get(&target).content;
            let path = Path::normalize(&target).unwrap();
            prop_assert_eq!(&content[..], &path.as_bytes()[1..]);
            seen.insert(content);
        }
        prop_assert_eq!(seen, names);
    }
}
