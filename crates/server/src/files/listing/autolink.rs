//! Addresses in a text become links, as on the sites that READMEs are written for (GFM §6.9).

use pulldown_cmark::{CowStr, Event, LinkType, Tag, TagEnd};

/// Turns addresses into links wherever they are plain text.
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

/// The text with its links.
fn split<'a>(text: &str) -> Vec<Event<'a>> {
    let mut events = Vec::new();
    let mut rest = text;
    while let Some((start, end)) = find(rest) {
        let address = &rest[start..end];
        let scheme = if address.starts_with("www.") {
            "http://"
        } else {
            ""
        };
        let link = Tag::Link {
            link_type: LinkType::Autolink,
            dest_url: CowStr::from(format!("{scheme}{address}")),
            title: CowStr::Borrowed(""),
            id: CowStr::Borrowed(""),
        };
        if start > 0 {
            events.push(Event::Text(CowStr::from(rest[..start].to_owned())));
        }
        events.push(Event::Start(link));
        events.push(Event::Text(CowStr::from(address.to_owned())));
        events.push(Event::End(TagEnd::Link));
        rest = &rest[end..];
    }
    if !rest.is_empty() {
        events.push(Event::Text(CowStr::from(rest.to_owned())));
    }
    events
}

/// Where the first address in a text begins and ends.
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

/// How long the address is that a text begins with: up to a space, without punctuation that belongs to the sentence.
fn extent(text: &str) -> usize {
    let end = text.find(|character: char| character.is_whitespace() || "<>\"`".contains(character));
    let address = &text[..end.unwrap_or(text.len())];
    let opened = address.matches('(').count();
    let mut closed = address.matches(')').count();
    let kept = address.trim_end_matches(|last: char| match last {
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
    fn addresses_in_a_text() {
        let table = [
            (
                "see https://example.org/a?b=c#d.",
                "https://example.org/a?b=c#d",
            ),
            ("(http://x/y)", "http://x/y"),
            ("http://x/a_(b))", "http://x/a_(b)"),
            ("www.example.org, too", "www.example.org"),
            ("<https://a/>", "https://a/"),
            ("xhttp://a", ""),
            ("http://", ""),
            ("http:// a", ""),
            ("a@www.b.c", ""),
            ("https://ü.example/ß", "https://ü.example/ß"),
            ("x http:// http://b", "http://b"),
        ];
        for (text, want) in table {
            let found = find(text).map_or("", |(start, end)| &text[start..end]);
            assert_eq!(found, want, "{text}");
        }
    }
}
