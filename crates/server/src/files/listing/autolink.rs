//! URLs in text become links, as on the sites that READMEs are written for (GFM §6.9).

use pulldown_cmark::{CowStr, Event, LinkType, Tag, TagEnd};

/// Turns URLs in plain text into links.
pub(super) fn link<'a>(events: impl Iterator<Item = Event<'a>>) -> impl Iterator<Item = Event<'a>> {
    let mut within = 0_usize;
    events.flat_map(move |event| {
        match &event {
            Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::CodeBlock(_)) => within += 1,
            Event::End(TagEnd::Link | TagEnd::Image | TagEnd::CodeBlock) => {
                within = within.saturating_sub(1);
            }
            Event::Text(text) if within == 0 && find(text).is_some() => return split(text),
            _ => {}
        }
        vec![event]
    })
}

/// A text as events, in which each URL is a link.
fn split<'a>(text: &str) -> Vec<Event<'a>> {
    let mut events = Vec::new();
    let mut rest = text;
    while let Some((start, end)) = find(rest) {
        let url = &rest[start..end];
        let scheme = if url.starts_with("www.") {
            "http://"
        } else {
            ""
        };
        let link = Tag::Link {
            link_type: LinkType::Autolink,
            dest_url: CowStr::from(format!("{scheme}{url}")),
            title: CowStr::Borrowed(""),
            id: CowStr::Borrowed(""),
        };
        if start > 0 {
            events.push(Event::Text(CowStr::from(rest[..start].to_owned())));
        }
        events.push(Event::Start(link));
        events.push(Event::Text(CowStr::from(url.to_owned())));
        events.push(Event::End(TagEnd::Link));
        rest = &rest[end..];
    }
    if !rest.is_empty() {
        events.push(Event::Text(CowStr::from(rest.to_owned())));
    }
    events
}

/// The start and the end of the first URL in a text.
fn find(text: &str) -> Option<(usize, usize)> {
    for (start, _) in text.match_indices(['h', 'w']) {
        let rest = &text[start..];
        let prefixes = ["http://", "https://", "www."];
        let Some(prefix) = prefixes.into_iter().find(|prefix| rest.starts_with(prefix)) else {
            continue;
        };
        let before = text[..start].chars().next_back();
        let begins =
            before.is_none_or(|before| !before.is_alphanumeric() && !"/_-.@:".contains(before));
        let host = rest[prefix.len()..].chars().next();
        if begins && host.is_some_and(|first| first.is_alphanumeric() || first == '[') {
            return Some((start, start + extent(rest)));
        }
    }
    None
}

/// The length of the URL at the start of a text: it ends at a space, and without punctuation that
/// belongs to the sentence.
fn extent(text: &str) -> usize {
    let end = text.find(|character: char| character.is_whitespace() || "<>\"`".contains(character));
    let url = &text[..end.unwrap_or(text.len())];
    let opened = url.matches('(').count();
    let mut closed = url.matches(')').count();
    let kept = url.trim_end_matches(|last: char| match last {
        ')' if closed > opened => {
            closed -= 1;
            true
        }
        last => "?!.,:;*_~'".contains(last),
    });
    kept.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_in_a_text() {
        let table = "
            see https://example.org/a?b=c#d. => https://example.org/a?b=c#d
            (http://x/y) => http://x/y
            http://x/a_(b)) => http://x/a_(b)
            www.example.org, too => www.example.org
            <https://a/> => https://a/
            xhttp://a =>
            http:// =>
            http:// a =>
            a@www.b.c =>
            https://ü.example/ß => https://ü.example/ß
            x http:// http://b => http://b
        ";
        table::check(table, |text| {
            let found = find(text).map_or("", |(start, end)| &text[start..end]);
            found.to_owned()
        });
    }
}
