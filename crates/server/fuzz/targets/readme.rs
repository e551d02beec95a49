//! A README below a listing: no foreign tag, no attribute that runs anything, no address with a
//! scheme that does.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyhttp_server_fuzz::{content, directory, get, tags};

const BARRED: [&str; 9] = [
    "iframe", "object", "embed", "base", "math", "textarea", "template", "frame", "applet",
];

fuzz_target!(|input: &str| {
    let folder = directory();
    let page_of = |text: &str| {
        std::fs::write(folder.path().join("README.md"), text).expect("a file");
        let response = get(folder.path(), "/").expect("a request");
        String::from_utf8(content(response)).expect("UTF-8")
    };
    // The page around it has these of its own.
    let count = |page: &str| {
        let tags = tags(page);
        ["script", "style", "form", "svg", "noscript"]
            .map(|name| tags.iter().filter(|(tag, _)| tag == name).count())
    };
    let own = count(&page_of("x"));
    let page = page_of(input);
    for (tag, attributes) in tags(&page) {
        assert!(!BARRED.contains(&&*tag), "{tag}");
        for attribute in attributes {
            assert!(
                !attribute.starts_with("on") && attribute != "srcdoc",
                "{tag} {attribute}"
            );
        }
    }
    assert!(
        count(&page)
            .iter()
            .zip(own)
            .all(|(found, own)| *found <= own)
    );
    let addresses = |page: &str| {
        let lower = page.to_ascii_lowercase();
        [
            "href=\"javascript:",
            "src=\"javascript:",
            "href=\"data:",
            "src=\"data:",
            "href=\"vbscript:",
        ]
        .map(|scheme| lower.matches(scheme).count())
    };
    assert_eq!(addresses(&page), addresses(&page_of("x")));
});
