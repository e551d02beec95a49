//! Markdown as HTML that is safe to show.
//!
//! HTML within Markdown is kept as far as it is harmless: alignment, images, keys, details and the like. What that is, a
//! maintained sanitizer decides, over everything that was rendered: it parses as browsers do, keeps what is listed here, and
//! closes what was left open, so that a README can't reach beyond its own part of the page. Links lead to the web, to mail,
//! to other files, or to headings, which have the ids that they have elsewhere.

#[cfg(feature = "markdown")]
pub(super) use with_markup::render;

/// Without the feature `markdown`, it is text.
#[cfg(not(feature = "markdown"))]
pub(super) fn render(_text: &str) -> Option<String> {
    None
}

#[cfg(feature = "markdown")]
mod with_markup {
    use super::super::autolink;
    use ammonia::{Builder, UrlRelative};
    use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, TextMergeStream, html};
    use std::borrow::Cow;
    use std::collections::{HashMap, HashSet};
    use std::fmt::Write;
    use std::sync::LazyLock;

    /// Elements within elements, to this depth. A text with deeper ones is shown as it is: the sanitizer takes time
    /// that grows with the square of the depth.
    const DEEPEST: usize = 128;

    /// Renders a text. `None`: it is better shown as it is.
    pub(in super::super) fn render(text: &str) -> Option<String> {
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_FOOTNOTES;
        let events = TextMergeStream::new(Parser::new_ext(text, options));
        let mut events: Vec<Event<'_>> = autolink::link(events).collect();
        name_headings(&mut events);
        let mut out = String::new();
        html::push_html(&mut out, events.into_iter());
        if nesting(&out) > DEEPEST {
            return None;
        }
        // The page allows no style but its own.
        for (side, cell) in [
            ("center", "th"),
            ("right", "th"),
            ("center", "td"),
            ("right", "td"),
        ] {
            let styled = format!("<{cell} style=\"text-align: {side}\">");
            out = out.replace(&styled, &format!("<{cell} class=\"{side}\">"));
        }
        Some(SANITIZER.clean(&out).to_string())
    }

    /// How many elements may be open at a time, at most: for each name, start tags less end tags.
    fn nesting(html: &str) -> usize {
        // Those that hold nothing, and those that end where the next one begins.
        const SHORT: [&str; 18] = [
            "area", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta",
            "p", "source", "td", "th", "tr", "wbr",
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

    /// What may be in a README.
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
        // Task lists have boxes; nothing else is to be filled in.
        for (name, value) in [("type", "checkbox"), ("disabled", "")] {
            builder.set_tag_attribute_value("input", name, value);
        }
        builder
    });

    /// A URL without what browsers skip; `None` if it has a scheme that is not listed.
    pub(super) fn harmless(url: &str) -> Option<Cow<'_, str>> {
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

    /// Gives headings ids made of their words, as the sites do where READMEs are written for: `## Known gaps` is
    /// `#known-gaps`, and if there is a second one, that is `#known-gaps-1`.
    fn name_headings(events: &mut [Event<'_>]) {
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
                        *id = Some(name.into()).filter(|name: &CowStr<'_>| !name.is_empty());
                    }
                }
                _ => {}
            }
        }
    }
}

#[cfg(all(test, feature = "markdown"))]
mod tests {
    use super::with_markup::{harmless, render};
    use proptest::prelude::*;

    #[test]
    fn markdown_is_rendered_and_nothing_in_it_runs() {
        let html = render(
            "# Title\n\n<script>alert(1)</script>\n\na <b onclick=x>b</b> [l](javascript:alert(1)) [m](java\tscript:x) \
             ![i](data:text/html,x) [o](https://example.org/) [r](a/b.md#c)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
        )
        .unwrap();
        for want in [
            "<h1 id=\"title\">Title</h1>",
            "<td>1</td>",
            "href=\"https://example.org/\"",
            "href=\"a/b.md#c\"",
            "<b>b</b>",
        ] {
            assert!(html.contains(want), "{want}: {html}");
        }
        for refused in [
            "<script",
            "onclick",
            "alert",
            "\"javascript",
            "href=\"data:",
            "src=\"data:",
        ] {
            assert!(!html.contains(refused), "{refused}: {html}");
        }
    }

    #[test]
    fn harmless_html_is_kept() {
        let table = [
            ("<p align=\"center\">a</p>", "<p align=\"center\">a</p>"),
            ("<h1 align=center>a</h1>", "<h1 align=\"center\">a</h1>"),
            (
                "<img src=\"a.png\" width=\"40\" alt=\"A\">",
                "<img src=\"a.png\" width=\"40\" alt=\"A\">",
            ),
            (
                "Press <kbd>Ctrl</kbd>+<kbd>C</kbd>",
                "<kbd>Ctrl</kbd>+<kbd>C</kbd>",
            ),
            (
                "<details open><summary>More</summary>\n\n*text*\n\n</details>",
                "<summary>More</summary>",
            ),
            (
                "a<br>b H<sub>2</sub>O x<sup>2</sup>",
                "a<br>b H<sub>2</sub>O x<sup>2</sup>",
            ),
            (
                "<table><tr><td align=right colspan=2>1</td></tr></table>",
                "<td align=\"right\" colspan=\"2\">1</td>",
            ),
            ("<a href=\"docs/x.md\">x</a>", "<a href=\"docs/x.md\">x</a>"),
            ("<a name=\"here\"></a>", "<a name=\"here\"></a>"),
            ("- [x] done", "type=\"checkbox\""),
            (
                "see https://example.org/a_b.",
                "<a href=\"https://example.org/a_b\">https://example.org/a_b</a>.",
            ),
            (
                "[x](https://a.b) `https://c.d`",
                "<a href=\"https://a.b\">x</a> <code>https://c.d</code>",
            ),
            ("<https://a.b>", "<a href=\"https://a.b\">https://a.b</a>"),
        ];
        for (text, want) in table {
            let html = render(text).unwrap();
            assert!(html.contains(want), "{text}: {html}");
        }
    }

    #[test]
    fn other_html_is_not() {
        let table = [
            "<svg onload=alert(1)>",
            "<iframe src=x></iframe>",
            "<form action=x><button>b</button></form>",
            "<style>a{}</style>",
            "<p style=\"position:fixed\">",
            "<a href=\" javascript:alert(1)\">x</a>",
            "<a href=\"&#1;java&#10;script:alert(1)\">x</a>",
            "<img src=x onerror=alert(1)>",
            "<base href=//evil>",
            "<meta http-equiv=refresh content=0>",
            "<link rel=stylesheet href=x>",
            "<math><mtext><table><mglyph><style><img src onerror=alert(1)>",
            "<input type=text name=password autofocus>",
            "<p class=\"empty up dir\">",
            "<video src=x>",
            "<object data=x>",
            "<a href=\"file:///etc/passwd\">x</a>",
            "<a href=\"vbscript:x\" target=_top>x</a>",
        ];
        let refused = [
            "<svg",
            "<iframe",
            "<form",
            "<button",
            "<style",
            "style=",
            "javascript",
            "onerror",
            "<base",
            "<meta",
            "<link",
            "<math",
            "type=\"text",
            "autofocus",
            "empty",
            "<video",
            "<object",
            "file:",
            "vbscript",
            "target",
            "onload",
        ];
        for text in table {
            for text in [
                text.to_owned(),
                format!("word {text} word"),
                format!("{text}\n\nmore"),
            ] {
                let html = render(&text).unwrap();
                for refused in refused {
                    assert!(!html.contains(refused), "{refused}: {text}: {html}");
                }
            }
        }
    }

    /// A README can't close what encloses it, or leave anything open behind it.
    #[test]
    fn what_is_open_is_closed() {
        for text in [
            "</article></table><h1>x",
            "<details><summary>x",
            "<div><div><p>",
            "<b><i>x</b>",
        ] {
            let html = render(text).unwrap();
            assert!(!html.contains("</article>"), "{html}");
            for tag in ["details", "summary", "div", "b", "i", "h1"] {
                let count = |what: String| html.matches(&what).count();
                assert_eq!(
                    count(format!("<{tag}>")),
                    count(format!("</{tag}>")),
                    "{html}"
                );
            }
        }
    }

    /// The sanitizer's time grows with the square of what is open.
    #[test]
    fn what_is_nested_too_deeply_is_shown_as_text() {
        for unit in [
            "<b>",
            "<b></p>",
            "<p><i></p>",
            "<div><p>",
            "<a><table>",
            "<ul><li>",
            "> ",
        ] {
            assert_eq!(render(&unit.repeat(2000)), None, "{unit}");
        }
        for unit in [
            "<b>x</b> ",
            "<br>",
            "<p>x\n\n",
            "<details>x</details>\n",
            "- <kbd>x</kbd>\n",
        ] {
            assert!(render(&unit.repeat(2000)).is_some(), "{unit}");
        }
    }

    proptest! {
        #[test]
        fn no_foreign_tags(text in "[<>/a-d \"'=&;:#!-]{0,40}(<(script|img|a|svg|style|b|td)[ /=a-z\"':>]{0,20}){0,4}") {
            if let Some(html) = render(&text) {
                for rest in html.split('<').skip(1) {
                    let name: String = rest.trim_start_matches('/').chars()
                        .take_while(char::is_ascii_alphanumeric).collect();
                    let tag = rest.split('>').next().unwrap_or_default();
                    prop_assert!(!tag.contains(" on"), "{}", html);
                    prop_assert!(!["script", "svg", "style", "c", "d", "bb"].contains(&&name[..]), "{}", html);
                }
            }
        }
    }

    #[test]
    fn headings_can_be_linked_to() {
        let html =
            render("# A `b` & C!\n\n## same\n\n## Same\n\n## 安装\n\n## !\n\n## a\\\"b").unwrap();
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
        let html = render(text).unwrap();
        for gone in ["one", "two", "three", "five", "--"] {
            assert!(!html.contains(gone), "{gone}: {html}");
        }
        for shown in ["a  b", "<p>four</p>", "six"] {
            assert!(html.contains(shown), "{shown}: {html}");
        }
    }

    #[test]
    fn cells_are_aligned_by_classes() {
        let text = "| a | b | c |\n|:--|:-:|--:|\n| 1 | 2 | style=\"text-align: right\" |\n";
        let html = render(text).unwrap();
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
