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

/// Markdown as HTML. HTML within it is shown, not obeyed, but for comments, which are not shown either; links lead to the web, to
/// mail, to other files, or to headings, which have the ids that they have elsewhere.
#[cfg(feature = "markdown")]
fn markdown(text: &str) -> Option<String> {
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES;
    let mut is_comment = false;
    let mut events: Vec<Event<'_>> = Vec::new();
    for mut event in Parser::new_ext(text, options) {
        match &mut event {
            Event::Html(markup) | Event::InlineHtml(markup) => {
                is_comment |= markup.trim_start().starts_with("<!--");
                if is_comment {
                    is_comment = !markup.contains("-->");
                    continue;
                }
                event = Event::Text(std::mem::replace(markup, "".into()));
            }
            Event::End(TagEnd::HtmlBlock) => is_comment = false,
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. })
                if !is_harmless(dest_url) =>
            {
                *dest_url = "#".into();
            }
            _ => {}
        }
        events.push(event);
    }
    name_headings(&mut events);
    let mut out = String::new();
    html::push_html(&mut out, events.into_iter());
    // The page allows no style but its own. Nothing else can look like this: `<` in a text is escaped.
    for (side, cell) in [
        ("center", "th"),
        ("right", "th"),
        ("center", "td"),
        ("right", "td"),
    ] {
        let styled = format!("<{cell} style=\"text-align: {side}\">");
        out = out.replace(&styled, &format!("<{cell} class=\"{side}\">"));
    }
    for cell in ["th", "td"] {
        out = out.replace(
            &format!("<{cell} style=\"text-align: left\">"),
            &format!("<{cell}>"),
        );
    }
    Some(out)
}

/// Gives headings ids made of their words, as the sites do where READMEs are written for: `## Known gaps` is
/// `#known-gaps`, and if there is a second one, that is `#known-gaps-1`.
#[cfg(feature = "markdown")]
fn name_headings(events: &mut [pulldown_cmark::Event<'_>]) {
    use pulldown_cmark::{Event, Tag, TagEnd};
    use std::collections::HashMap;

    let mut seen: HashMap<String, u32> = HashMap::new();
    let (mut start, mut words) = (0, String::new());
    for at in 0..events.len() {
        match &events[at] {
            Event::Start(Tag::Heading { .. }) => {
                start = at;
                words.clear();
            }
            Event::Text(text) | Event::Code(text) => words.push_str(text),
            Event::End(TagEnd::Heading(_)) => {
                let kept = words
                    .trim()
                    .chars()
                    .filter_map(|character| match character {
                        ' ' => Some('-'),
                        '-' | '_' => Some(character),
                        _ => Some(character).filter(|character| character.is_alphanumeric()),
                    });
                let mut name = kept.collect::<String>().to_lowercase();
                let before = seen.entry(name.clone()).or_default();
                if *before > 0 {
                    let _ = write!(name, "-{before}");
                }
                *before += 1;
                if let Event::Start(Tag::Heading { id, .. }) = &mut events[start] {
                    *id = Some(name.into())
                        .filter(|name: &pulldown_cmark::CowStr<'_>| !name.is_empty());
                }
            }
            _ => {}
        }
    }
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
            "<h1 id=\"title\">Title</h1>",
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
    fn headings_can_be_linked_to() {
        let html =
            markdown("# A `b` & C!\n\n## same\n\n## Same\n\n## 安装\n\n## !\n\n## a\\\"b").unwrap();
        for want in [
            "<h1 id=\"a-b--c\">",
            "<h2 id=\"same\">",
            "<h2 id=\"same-1\">",
            "<h2 id=\"安装\">",
            "<h2>!</h2>",
            "<h2 id=\"ab\">",
        ] {
            assert!(html.contains(want), "{want}: {html}");
        }
    }

    #[test]
    fn comments_are_not_shown_and_other_markup_is() {
        let text = "<!-- one -->\n\n<!--\ntwo\n\ntwo -->\n\na <!-- three --> b\n\n<p>four</p>\n<!-- five -->\n\nsix";
        let html = markdown(text).unwrap();
        for gone in ["one", "two", "three", "five", "--"] {
            assert!(!html.contains(gone), "{gone}: {html}");
        }
        for shown in ["a  b", "&lt;p&gt;four&lt;/p&gt;", "six"] {
            assert!(html.contains(shown), "{shown}: {html}");
        }
    }

    #[test]
    fn cells_are_aligned_by_classes() {
        let text = "| a | b | c |\n|:--|:-:|--:|\n| 1 | 2 | style=\"text-align: right\" |\n";
        let html = markdown(text).unwrap();
        for want in [
            "<th>a",
            "<th class=\"center\">b",
            "<td class=\"right\">style=\"text-align: right\"<",
        ] {
            assert!(html.contains(want), "{want}: {html}");
        }
        assert!(!html.contains(" style="), "{html}");
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
