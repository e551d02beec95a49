//! As much of HTML as the guide's own pages need: attributes, and elements without others inside.

use support::root;

/// The pages of `www/` as their addresses are, `/` and `/guide/index.html` for two; not the one for
/// failures.
pub(crate) fn pages() -> Vec<String> {
    let names = |folder: &str| -> Vec<String> {
        let entries = std::fs::read_dir(root().join("www").join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| name.ends_with(".html") && name != "404.html")
            .collect()
    };
    let mut pages: Vec<_> = names("").iter().map(|name| format!("/{name}")).collect();
    pages.extend(names("guide").iter().map(|name| format!("/guide/{name}")));
    pages.sort();
    assert!(pages.len() > 15, "{pages:?}");
    pages
}

/// The values of an attribute, in order, as they are written.
pub(crate) fn attributes<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let start = format!(" {name}=\"");
    let values = text.split(&start).skip(1);
    values.map(|rest| rest.split('"').next().unwrap()).collect()
}

/// What is between a start tag, written just so, and the next tag.
pub(crate) fn contents<'t>(text: &'t str, tag: &str) -> Vec<&'t str> {
    let values = text.split(tag).skip(1);
    values.map(|rest| rest.split('<').next().unwrap()).collect()
}
