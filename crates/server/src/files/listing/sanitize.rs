//! The HTML that a README may contain.
//!
//! A maintained sanitizer decides over everything that was rendered. It parses as browsers do,
//! keeps the elements listed here, and closes what was left open, so that a README can't reach
//! beyond its own part of the page.

use ammonia::{Builder, UrlRelative};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// The maximum depth of nested elements: the sanitizer's time grows with the square of the depth.
const MAX_DEPTH: usize = 128;

/// Whether the sanitizer would take too long for rendered HTML.
pub(super) fn is_too_deep(html: &str) -> bool {
    nesting(html) > MAX_DEPTH
}

/// Rendered HTML without anything that a README may not contain.
pub(super) fn clean(html: &str) -> String {
    SANITIZER.clean(html).to_string()
}

/// An upper bound on how many elements are open at a time: for each name, start tags less end tags.
fn nesting(html: &str) -> usize {
    // Elements without content, and elements that end where the next one begins.
    const SHORT: [&str; 18] = [
        "area", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta", "p",
        "source", "td", "th", "tr", "wbr",
    ];
    let mut open: HashMap<String, usize> = HashMap::new();
    let (mut depth, mut deepest) = (0, 0);
    for (at, _) in html.match_indices('<') {
        let tag = &html[at + 1..];
        let (ends, tag) = match tag.strip_prefix('/') {
            Some(tag) => (true, tag),
            None => (false, tag),
        };
        let name = tag.split(|character: char| !character.is_ascii_alphanumeric());
        let name = name.take(1).collect::<String>().to_ascii_lowercase();
        if name.is_empty() || SHORT.contains(&&name[..]) {
            continue;
        }
        let of_that_name = open.entry(name).or_default();
        if !ends {
            *of_that_name += 1;
            depth += 1;
            deepest = deepest.max(depth);
        } else if *of_that_name > 0 {
            *of_that_name -= 1;
            depth -= 1;
        }
    }
    deepest
}

/// The elements and attributes that a README may contain.
static SANITIZER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    const TAGS: [&str; 58] = [
        "a",
        "abbr",
        "b",
        "blockquote",
        "br",
        "center",
        "cite",
        "code",
        "dd",
        "del",
        "details",
        "dfn",
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
        "figure",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "input",
        "ins",
        "kbd",
        "li",
        "mark",
        "ol",
        "p",
        "pre",
        "q",
        "rp",
        "rt",
        "ruby",
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "summary",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "tt",
        "u",
        "ul",
    ];
    const ALIGNED: [&str; 14] = [
        "div", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img", "p", "table", "td", "th", "tr",
    ];
    const NAMED: [&str; 11] = [
        "a", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "p", "sup",
    ];
    let mut attributes: HashMap<&str, HashSet<&str>> = HashMap::new();
    let mut allow = |tags: &[&'static str], names: &[&'static str]| {
        for tag in tags {
            attributes.entry(tag).or_default().extend(names);
        }
    };
    allow(&ALIGNED, &["align"]);
    allow(&NAMED, &["id"]);
    allow(&["a"], &["href", "name"]);
    allow(&["img"], &["src", "alt", "width", "height"]);
    allow(&["td", "th"], &["colspan", "rowspan"]);
    allow(&["ol"], &["start", "reversed"]);
    allow(&["details"], &["open"]);
    allow(&["input"], &["checked"]);
    let classes = [
        ("td", ["center", "right"]),
        ("th", ["center", "right"]),
        ("div", ["footnote-definition", ""]),
        ("sup", ["footnote-definition-label", "footnote-reference"]),
    ];
    let mut builder = Builder::empty();
    builder
        .tags(TAGS.into())
        .tag_attributes(attributes)
        .generic_attributes(["title", "lang", "dir"].into())
        .attribute_filter(|_, attribute, value| match attribute {
            "align" => {
                let known = ["left", "center", "right", "justify"];
                let is_known = known.iter().any(|known| value.eq_ignore_ascii_case(known));
                is_known.then_some(value.into())
            }
            "href" | "src" => harmless(value),
            _ => Some(value.into()),
        })
        .allowed_classes(classes.map(|(tag, names)| (tag, names.into())).into())
        .clean_content_tags(["script", "style", "title", "template"].into())
        .url_schemes(["http", "https", "mailto"].into())
        .url_relative(UrlRelative::PassThrough)
        .link_rel(None);
    // Task lists have checkboxes; other inputs are not allowed.
    for (name, value) in [("type", "checkbox"), ("disabled", "")] {
        builder.set_tag_attribute_value("input", name, value);
    }
    builder
});

/// A URL without the characters that browsers skip; `None` if its scheme is not allowed.
fn harmless(url: &str) -> Option<Cow<'_, str>> {
    let url: String = url
        .chars()
        .filter(|character| !character.is_control())
        .collect();
    let url = url.trim();
    let scheme = url.find([':', '/', '?', '#']).map(|at| url.split_at(at));
    let is_harmless = match scheme {
        Some((scheme, rest)) if rest.starts_with(':') => ["http", "https", "mailto"]
            .iter()
            .any(|harmless| scheme.eq_ignore_ascii_case(harmless)),
        _ => true,
    };
    is_harmless.then(|| Cow::Owned(url.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_urls() {
        for url in [
            "",
            "a",
            "a/b:c",
            "?a:b",
            "#a:b",
            "//host/",
            "http://a",
            "HTTPS://a",
            "mailto:a@b",
        ] {
            assert!(harmless(url).is_some(), "{url}");
        }
        for url in [
            "javascript:x",
            "JavaScript:x",
            " javascript:x",
            "java\nscript:x",
            "\u{1}javascript:x",
            "data:x",
            "vbscript:x",
            "file:///",
        ] {
            assert!(harmless(url).is_none(), "{url}");
        }
    }
}
