//! A listing: any query and any file name give a page of known tags, and every file is reached by
//! its link.
#![no_main]

use http::StatusCode;
use libfuzzer_sys::fuzz_target;
use tinyhttp_server_fuzz::{content, directory, file_name, get, tags};

fuzz_target!(|input: (&[u8], &[u8])| {
    let (name, query) = input;
    let Some(name) = file_name(name) else { return };
    let folder = directory();
    std::fs::write(folder.path().join(name), "content").expect("a file");
    let query: String = query.iter().map(|byte| format!("%{byte:02X}")).collect();
    for target in [
        format!("/?{query}"),
        format!("/?sort={query}"),
        format!("/?json&{query}"),
    ] {
        let Some(response) = get(folder.path(), &target) else {
            continue;
        };
        if response.status() != StatusCode::OK {
            assert!(response.status().as_u16() < 500, "{}", response.status());
            continue;
        }
        let is_html = response.headers()["content-type"]
            .as_bytes()
            .starts_with(b"text/html");
        if !is_html {
            continue;
        }
        let page = String::from_utf8(content(response)).expect("UTF-8");
        for (tag, attributes) in tags(&page) {
            let is_ours = !attributes
                .iter()
                .any(|attribute| attribute.starts_with("on"));
            assert!(is_ours, "{tag} {attributes:?}");
            assert!(
                !matches!(&*tag, "iframe" | "object" | "embed" | "base"),
                "{tag}"
            );
        }
    }
});
