//! The folder's own words about itself: README.md, README.txt or README, below the listing.

use super::Listing;
use crate::files::folder::{Entry, join};
use crate::files::html::Escaped;
use std::fmt::Write;

/// A README that is longer is not shown, in bytes.
const LONGEST: u64 = 256 * 1024;

/// The README as a part of the page; empty if there is none.
pub(super) fn render(listing: &Listing, entries: &[Entry]) -> String {
    let names = ["readme.md", "readme.markdown", "readme.txt", "readme"];
    let find = |name: &str| {
        entries.iter().find(|entry| {
            entry.name.eq_ignore_ascii_case(name.as_bytes())
                && !entry.is_folder
                && entry.length() <= LONGEST
        })
    };
    let Some(entry) = names.into_iter().find_map(find) else {
        return String::new();
    };
    let path = join(&listing.relative, &entry.name);
    let Ok(content) = listing.store.read(&path) else {
        return String::new();
    };
    let text = String::from_utf8_lossy(&content);
    let lower = entry.name.to_ascii_lowercase();
    let is_markdown = lower.ends_with(b".md") || lower.ends_with(b".markdown");
    let mut out = format!("<article aria-label=\"{}\">\n", Escaped(&entry.text()));
    match markdown(&text).filter(|_| is_markdown) {
        Some(html) => out.push_str(&html),
        None => {
            // Writing to a string doesn't fail.
            let _ = writeln!(out, "<pre>{}</pre>", Escaped(&text));
        }
    }
    out.push_str("</article>\n");
    out
}

/// Markdown as HTML. HTML within it is shown, not obeyed, and links lead to the web, to mail or to other files.
#[cfg(feature = "markdown")]
fn markdown(text: &str) -> Option<String> {
    use pulldown_cmark::{Event, Options, Parser, Tag, html};

    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let events = Parser::new_ext(text, options).map(|event| match event {
        Event::Html(markup) | Event::InlineHtml(markup) => Event::Text(markup),
        Event::Start(Tag::Link {
            link_type,
            dest_url,
            title,
            id,
        }) if !is_harmless(&dest_url) => Event::Start(Tag::Link {
            link_type,
            dest_url: "#".into(),
            title,
            id,
        }),
        Event::Start(Tag::Image {
            link_type,
            dest_url,
            title,
            id,
        }) if !is_harmless(&dest_url) => Event::Start(Tag::Image {
            link_type,
            dest_url: "#".into(),
            title,
            id,
        }),
        event => event,
    });
    let mut out = String::new();
    html::push_html(&mut out, events);
    Some(out)
}

/// Without the feature `markdown`, it is text.
#[cfg(not(feature = "markdown"))]
fn markdown(_text: &str) -> Option<String> {
    None
}

/// Whether a URL has no scheme, or one that runs nothing.
#[cfg(feature = "markdown")]
fn is_harmless(url: &str) -> bool {
    // Browsers skip control characters and spaces in front of a scheme and within it.
    let url: String = url
        .chars()
        .filter(|character| !character.is_control())
        .collect();
    let url = url.trim_start();
    match url.find([':', '/', '?', '#']).map(|at| url.split_at(at)) {
        Some((scheme, rest)) if rest.starts_with(':') => ["http", "https", "mailto"]
            .iter()
            .any(|harmless| scheme.eq_ignore_ascii_case(harmless)),
        _ => true,
    }
}

#[cfg(all(test, feature = "markdown"))]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_rendered_and_nothing_in_it_runs() {
        let html = markdown(
            "# Title\n\n<script>alert(1)</script>\n\na <b onclick=x>b</b> [l](javascript:alert(1)) [m](java\tscript:x) \
             ![i](data:text/html,x) [o](https://example.org/) [r](a/b.md#c)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
        )
        .unwrap();
        for want in [
            "<h1>Title</h1>",
            "<td>1</td>",
            "href=\"https://example.org/\"",
            "href=\"a/b.md#c\"",
            "&lt;script&gt;",
        ] {
            assert!(html.contains(want), "{want}: {html}");
        }
        for refused in [
            "<script",
            "<b ",
            "javascript:",
            "href=\"data:",
            "src=\"data:",
        ] {
            assert!(!html.contains(refused), "{refused}: {html}");
        }
    }

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
            assert!(is_harmless(url), "{url}");
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
            assert!(!is_harmless(url), "{url}");
        }
    }
}
