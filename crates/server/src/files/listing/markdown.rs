//! Markdown as HTML that is safe to show.
//!
//! HTML within Markdown is kept as far as it is [harmless](super::sanitize): alignment, images,
//! keys, details and the like. Links lead to the web, to mail, to other files, or to headings,
//! which have the same ids as on the sites that READMEs are written for.

use super::autolink;
use super::sanitize::{clean, is_too_deep};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, TextMergeStream, html};
use std::collections::HashMap;
use std::fmt::Write;

/// Renders a text. `None` if it has to be shown as plain text.
pub(super) fn render(text: &str) -> Option<String> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES;
    let events = TextMergeStream::new(Parser::new_ext(text, options));
    let mut events: Vec<Event<'_>> = autolink::link(events).collect();
    name_headings(&mut events);
    let mut out = String::new();
    html::push_html(&mut out, events.into_iter());
    if is_too_deep(&out) {
        return None;
    }
    // The page's policy allows no inline styles.
    for (side, cell) in [
        ("center", "th"),
        ("right", "th"),
        ("center", "td"),
        ("right", "td"),
    ] {
        let styled = format!("<{cell} style=\"text-align: {side}\">");
        out = out.replace(&styled, &format!("<{cell} class=\"{side}\">"));
    }
    Some(clean(&out))
}

/// Gives headings ids made of their words, as code hosting sites do: `## Known gaps` is
/// `#known-gaps`, and a second one `#known-gaps-1`.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn markdown_is_rendered_without_scripts() {
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
        let table = r#"
            <p align="center">a</p> => <p align="center">a</p>
            <h1 align=center>a</h1> => <h1 align="center">a</h1>
            <img src="a.png" width="40" alt="A"> => <img src="a.png" width="40" alt="A">
            Press <kbd>Ctrl</kbd>+<kbd>C</kbd> => <kbd>Ctrl</kbd>+<kbd>C</kbd>
            <details open><summary>More</summary>\n\n*text*\n\n</details> => <summary>More</summary>
            a<br>b H<sub>2</sub>O x<sup>2</sup> => a<br>b H<sub>2</sub>O x<sup>2</sup>
            <table><tr><td align=right colspan=2>1</td></tr></table> => <td align="right" colspan="2">1</td>
            <a href="docs/x.md">x</a> => <a href="docs/x.md">x</a>
            <a name="here"></a> => <a name="here"></a>
            - [x] done => type="checkbox"
            see https://example.org/a_b. => <a href="https://example.org/a_b">https://example.org/a_b</a>.
            [x](https://a.b) `https://c.d` => <a href="https://a.b">x</a> <code>https://c.d</code>
            <https://a.b> => <a href="https://a.b">https://a.b</a>
        "#;
        for (text, want) in table::cases(table) {
            let html = render(&table::unescaped(text)).unwrap();
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

    /// A README can't close the elements around it, or leave its own open.
    #[test]
    fn open_elements_are_closed() {
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

    /// The sanitizer's time grows with the square of the depth.
    #[test]
    fn deep_nesting_is_shown_as_text() {
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
}
