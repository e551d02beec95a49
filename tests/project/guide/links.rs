//! Where the guide points: to its own pages, to places in them, and to the source.

use super::html::{attributes, contents, pages};
use std::collections::{BTreeSet, HashMap};
use support::{Serve, root};
use url::Url;

#[test]
fn every_link_leads_somewhere_and_every_page_can_be_reached() {
    let server = Serve::start(&root().join("www"), ["-q"; 0]);
    let start = Url::parse(&server.url("/")).unwrap();
    let mut seen: HashMap<Url, String> = HashMap::new();
    let mut anchors = Vec::new();
    let mut waiting = vec![(start.clone(), start.clone())];
    while let Some((url, from)) = waiting.pop() {
        if seen.contains_key(&url) {
            continue;
        }
        let answer = server.connect().get(url.path());
        assert_eq!(answer.status, 200, "{from} points to {url}");
        let is_page = answer.field("content-type") == Some("text/html; charset=utf-8");
        let text = answer.text();
        if is_page {
            for link in [attributes(&text, "href"), attributes(&text, "src")].concat() {
                let mut link = url.join(link).unwrap();
                if link.origin() != start.origin() {
                    assert_eq!(link.scheme(), "https", "{url} points to {link}");
                    continue;
                }
                let anchor = link.fragment().map(str::to_owned);
                link.set_fragment(None);
                anchors.extend(anchor.map(|anchor| (url.clone(), link.clone(), anchor)));
                waiting.push((link, url.clone()));
            }
        }
        seen.insert(url, text);
    }
    assert!(anchors.len() > 10);
    for (from, page, anchor) in anchors {
        let ids = attributes(&seen[&page], "id");
        assert!(
            ids.contains(&anchor.as_str()),
            "{from} points to {page}#{anchor}"
        );
    }
    let reached: BTreeSet<&str> = seen.keys().map(Url::path).collect();
    for page in pages() {
        let folder = page.trim_end_matches("index.html");
        assert!(reached.contains(folder), "nothing points to {page}");
    }
}

#[test]
fn the_page_for_failures_works_wherever_it_is_shown() {
    let server = Serve::start(&root().join("www"), ["-q"; 0]);
    let lost = server.connect().get("/guide/no/such/page");
    assert_eq!(lost.status, 404);
    let text = lost.text();
    let links = attributes(&text, "href");
    assert!(!links.is_empty(), "{text}");
    for link in links {
        assert!(
            link.starts_with('/'),
            "{link} would be sought beside the page that is missing"
        );
        assert_eq!(server.connect().get(link).status, 200, "{link}");
    }
}

#[test]
fn no_id_is_given_twice() {
    for page in pages() {
        let text = std::fs::read_to_string(root().join(format!("www{page}"))).unwrap();
        let ids = attributes(&text, "id");
        let different: BTreeSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), different.len(), "{page}: {ids:?}");
    }
}

#[test]
fn every_source_file_that_is_named_exists() {
    let mut named = BTreeSet::new();
    for page in pages() {
        let text = std::fs::read_to_string(root().join(format!("www{page}"))).unwrap();
        for path in contents(&text, "<code class=\"path\">") {
            assert!(root().join(path).exists(), "{page} names {path}");
            named.insert(path.to_owned());
        }
    }
    assert!(named.len() > 20, "{named:?}");
}

#[test]
fn every_example_that_is_named_exists() {
    let mut found = 0;
    for page in pages() {
        let text = std::fs::read_to_string(root().join(format!("www{page}"))).unwrap();
        for rest in text.split("cargo run --example ").skip(1) {
            let name: String = rest
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect();
            let places =
                ["client", "server"].map(|name| root().join("crates").join(name).join("examples"));
            let exists = places.iter().any(|place| {
                place.join(format!("{name}.rs")).exists()
                    || place.join(&name).join("main.rs").exists()
            });
            assert!(exists, "{page} names the example {name}");
            found += 1;
        }
    }
    assert!(found > 5);
}
