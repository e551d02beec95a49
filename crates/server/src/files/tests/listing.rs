//! Listings of directories.

use super::*;
use proptest::prelude::*;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::time::{Duration, UNIX_EPOCH};
use tinyhttp_message::Path;

/// The links of the rows of a page.
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
        site.answer(http::Request::head("/")).fields.get("vary"),
        answer.fields.get("vary")
    );
}

#[test]
fn orders_and_filters() {
    let site = site();
    let table = "
        files ?sort=name&order=desc => .well-known/ Zoo/ folder/ b.txt a10.txt a9.txt
        files ?sort=size => Zoo/ folder/ .well-known/ a10.txt a9.txt b.txt
        files ?sort=size&order=desc =>
        all ?filter=A => a9.txt a10.txt
        all ?filter=10&sort=size&order=desc => a10.txt
        all ?filter=%F0%9F%98%80 =>
        all ?sort=nonsense&order=nonsense&x&=&%zz => .well-known/ folder/ Zoo/ a9.txt a10.txt b.txt
    ";
    for (case, want) in table::cases(table) {
        let ([compared], query) = table::words(case);
        let any_folders = compared == "files";
        let answer = site.get(&format!("/{query}"));
        assert_eq!(answer.status, 200, "{query}");
        let mut got: Vec<_> = links(answer.text())
            .into_iter()
            .map(|link| link.split('?').next().unwrap().to_owned())
            .collect();
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
    let table = "
        /folder/?json => json
        /folder/?sort=size&json=1 => json
        /folder/ Accept: application/json => json
        /folder/ Accept: application/json, text/html;q=0.9 => json
        /folder/ Accept: text/html,application/xhtml+xml,*/*;q=0.8 => html
        /folder/ Accept: */* => html
        /folder/ => html
    ";
    for (case, format) in table::cases(table) {
        let (target, fields) = case.split_once(' ').unwrap_or((case, ""));
        let is_json = format == "json";
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
                .contains("<h1 id=\"title-x\">Title <i>x</i></h1>")
        );
    } else {
        assert!(
            page.text()
                .contains("<pre># Title &lt;i&gt;x&lt;/i&gt;</pre>")
        );
    }
}

#[test]
fn dates_before_1970_and_after_9999_are_real() {
    let table = [
        (-5, "1969-12-31T23:59:55Z"),
        (-1_262_304_000, "1930-01-01T00:00:00Z"),
        (4_102_444_800, "2100-01-01T00:00:00Z"),
    ];
    let site = Site::new(&[("a", "")]);
    for (seconds, want) in table {
        let time = rustix::fs::Timespec {
            tv_sec: seconds,
            tv_nsec: 0,
        };
        let times = rustix::fs::Timestamps {
            last_access: time,
            last_modification: time,
        };
        let flags = rustix::fs::AtFlags::empty();
        rustix::fs::utimensat(rustix::fs::CWD, site.path("a"), &times, flags).unwrap();
        assert!(
            site.get("/").text().contains(&format!("<time>{want}<")),
            "{want}"
        );
        let json = format!("\"modified\":\"{want}\"");
        assert!(site.get("/?json").text().contains(&json), "{want}");
    }
}

#[test]
fn the_order_is_kept_when_a_directory_is_entered() {
    let site = site();
    let page = site.get("/folder/?sort=size&order=desc");
    for link in [
        "href=\"inner/?sort=size&amp;order=desc\"",
        "href=\"../?sort=size&amp;order=desc\"",
    ] {
        assert!(page.text().contains(link), "{link}: {}", page.text());
    }
    for target in ["/folder/", "/folder/?sort=name&order=asc"] {
        let page = site.get(target);
        assert!(page.text().contains("href=\"inner/\""), "{target}");
        assert!(!page.text().contains("href=\"../?"), "{target}");
    }
}

/// The `sort` and `order` that a click on a column head requests.
#[test]
fn the_first_click_shows_the_largest_and_the_newest() {
    let site = site();
    let table = "
        / => name desc, size desc, modified desc
        /?sort=size&order=desc => name asc, size asc, modified desc
        /?sort=size => name asc, size desc, modified desc
        /?sort=modified&order=desc => name asc, size desc, modified asc
        /?sort=name&order=desc => name asc, size desc, modified desc
    ";
    for (target, want) in table::cases(table) {
        let page = site.get(target);
        let heads = page.text().split("<th").skip(2);
        let value = |text: &str, before: &str| {
            let rest = text.split(before).nth(1).unwrap();
            rest.split('"').next().unwrap().to_owned()
        };
        let heads = heads.map(|head| {
            let column = value(head, "name=\"sort\" value=\"");
            format!("{column} {}", value(head, "name=\"order\" value=\""))
        });
        assert_eq!(heads.collect::<Vec<_>>().join(", "), want, "{target}");
    }
}

/// A program that follows links finds only the entries of the directory.
#[test]
fn only_entries_are_links() {
    let site = site();
    let page = site.get("/folder/");
    let hrefs: Vec<_> = page
        .text()
        .split("href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert_eq!(hrefs, ["data:,", "../", "../", "inner/"]);
    assert!(!page.text().contains("action=") && !page.text().contains("src="));
}

#[test]
fn a_listing_that_exceeds_the_memory_is_refused() {
    let budget = 800 * 1024;
    let site = Site::with(Options::new().working_memory(budget), &[("a/x", "")]);
    let request = || http::Request::get("/a/?json").body(Body::empty()).unwrap();
    let held = site.files.respond_to(request());
    assert_eq!(held.status(), 200);
    let answer = site.get("/a/");
    assert_eq!((answer.status, answer.field("retry-after")), (503, "5"));
    assert_eq!(site.get("/a/?download=tar").status, 503);
    let head = site.answer(http::Request::head("/a/"));
    assert_eq!(head.status, 200, "a head takes no memory");
    drop(held);
    assert_eq!(site.get("/a/").status, 200);
    assert_eq!(site.files.store.budget().left(), budget);
}

#[test]
fn a_directory_that_never_fits_is_refused_for_good() {
    let site = Site::with(Options::new().working_memory(4 * 1024 * 1024), &[("x", "")]);
    for number in 0..16_000 {
        fs::hard_link(site.path("x"), site.path(&format!("{number:0200}"))).unwrap();
    }
    for target in ["/", "/?json", "/?download=zip"] {
        let answer = site.get(target);
        assert_eq!((answer.status, answer.field("retry-after")), (403, ""));
    }
    assert_eq!(site.files.store.budget().left(), 4 * 1024 * 1024);
}

#[test]
fn listings_of_an_unchanged_directory_share_their_data() {
    let site = Site::new(&[]);
    for number in 0..1000 {
        fs::write(site.path(&format!("{number}")), "").unwrap();
    }
    let get = || {
        let request = http::Request::get("/?json").body(Body::empty()).unwrap();
        site.files.respond_to(request)
    };
    let left = || site.files.store.budget().left();
    let before = left();
    let first = get();
    let one = before - left();
    let others: Vec<_> = (0..9).map(|_| get()).collect();
    let each = (before - left() - one) / 9;
    assert!(one - each >= 1000 * 32, "{one} {each}");
    // A change is seen at once, even while another response reads the earlier version.
    fs::write(site.path("1"), "now").unwrap();
    assert!(site.get("/?json").text().contains("\"size\":3"));
    drop((first, others));
    assert_eq!(left(), before);
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
