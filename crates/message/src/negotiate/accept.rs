//! Accept: media ranges, and the weights they give to media types (RFC 9110 §12.5.1).

use super::list::{is_weight, members, split_unquoted, weight};
use super::quality::Quality;
use crate::grammar::is_token;

/// The media types that a client accepts, with their weights.
#[derive(Clone, Debug)]
pub struct Accept<'a> {
    ranges: Vec<MediaRange<'a>>,
}

/// A media range with its weight, or a media type (whose weight is 1).
#[derive(Clone, Copy, Debug)]
struct MediaRange<'a> {
    kind: &'a [u8],
    subtype: &'a [u8],
    parameters: &'a [u8],
    quality: Quality,
}

impl<'a> Accept<'a> {
    /// Parses the field's lines. Without lines, or without a valid member, every type is
    /// acceptable.
    pub fn from_fields(lines: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut ranges: Vec<_> = members(lines).filter_map(MediaRange::parse).collect();
        if ranges.is_empty() {
            ranges.extend(MediaRange::parse(b"*/*"));
        }
        Self { ranges }
    }

    /// The weight of a media type, such as `text/html` or `text/html;charset=utf-8`.
    pub fn quality(&self, media_type: &str) -> Quality {
        self.rate(media_type).0
    }

    /// Returns the acceptable media type with the highest weight; among equals the one named most
    /// specifically, and among these the first. `None` if none is acceptable.
    ///
    /// That specificity breaks ties is not in the RFC: a client that sends `application/json, */*`
    /// prefers JSON.
    pub fn choose<'m>(&self, available: &[&'m str]) -> Option<&'m str> {
        // max_by_key takes the last of equals, so the search runs from the end.
        let best = available
            .iter()
            .copied()
            .rev()
            .max_by_key(|media_type| self.rate(media_type))?;
        (self.quality(best) > Quality::ZERO).then_some(best)
    }

    /// Returns the weight that the most specific matching range gives, and its specificity.
    fn rate(&self, media_type: &str) -> (Quality, (u8, usize)) {
        let mut rating = (Quality::ZERO, (0, 0));
        let Some(media_type) = MediaRange::parse(media_type.as_bytes()) else {
            return rating;
        };
        for range in &self.ranges {
            let specificity = range.specificity();
            if range.covers(&media_type) && specificity > rating.1 {
                rating = (range.quality, specificity);
            }
        }
        rating
    }
}

impl<'a> MediaRange<'a> {
    fn parse(member: &'a [u8]) -> Option<Self> {
        let (name, parameters) = match member.iter().position(|byte| *byte == b';') {
            None => (member, &[][..]),
            Some(at) => (member[..at].trim_ascii_end(), &member[at + 1..]),
        };
        let slash = name.iter().position(|byte| *byte == b'/')?;
        let (kind, subtype) = (&name[..slash], &name[slash + 1..]);
        if !is_token(kind) || !is_token(subtype) || (kind == b"*" && subtype != b"*") {
            return None;
        }
        // Any parameter named q is the weight, wherever it stands (§12.5.1).
        let mut parameters_of = split_unquoted(parameters, b';');
        let quality = match parameters_of.find(|parameter| is_weight(parameter)) {
            None => Quality::ONE,
            Some(parameter) => weight(parameter)?,
        };
        Some(Self {
            kind,
            subtype,
            parameters,
            quality,
        })
    }

    fn parameters(&self) -> impl Iterator<Item = &'a [u8]> {
        split_unquoted(self.parameters, b';')
            .filter(|parameter| !parameter.is_empty() && !is_weight(parameter))
    }

    /// Returns 1 to 3 for `*/*`, `type/*`, `type/subtype`, and the number of parameters.
    fn specificity(&self) -> (u8, usize) {
        let names = 1 + u8::from(self.kind != b"*") + u8::from(self.subtype != b"*");
        (names, self.parameters().count())
    }

    fn covers(&self, media_type: &MediaRange<'_>) -> bool {
        let names = |ours: &[u8], theirs: &[u8]| ours == b"*" || ours.eq_ignore_ascii_case(theirs);
        let same = |wanted| move |parameter| same_parameter(parameter, wanted);
        let has = |wanted| media_type.parameters().any(same(wanted));
        names(self.kind, media_type.kind)
            && names(self.subtype, media_type.subtype)
            && self.parameters().all(has)
    }
}

/// Whether two parameters are equal, quoted or not. The case of values is ignored, as `charset`
/// requires.
fn same_parameter(a: &[u8], b: &[u8]) -> bool {
    let bare = |byte: &&u8| **byte != b'"';
    let lower = u8::to_ascii_lowercase;
    a.iter()
        .filter(bare)
        .map(lower)
        .eq(b.iter().filter(bare).map(lower))
}

#[cfg(test)]
mod tests {
    use super::super::list::MAX_MEMBERS;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_quality_table_of_12_5_1() {
        let field = "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, */*;q=0.5";
        let accept = Accept::from_fields([field.as_bytes()]);
        let table = [
            ("text/plain;format=flowed", 1000),
            ("text/plain", 700),
            ("text/html", 300),
            ("image/jpeg", 500),
            ("text/plain;format=fixed", 400),
            // The RFC prints 0.7, against its own rule: erratum 7138.
            ("text/html;level=3", 300),
            ("Text/Plain; Format=\"flowed\"", 1000),
            ("text/plain;format=flowed;charset=utf-8", 1000),
            ("text", 0),
        ];
        for (media_type, thousandths) in table {
            assert_eq!(
                accept.quality(media_type).thousandths(),
                thousandths,
                "{media_type}"
            );
        }
        // The other examples of §12.5.1.
        let accept = Accept::from_fields([&b"audio/*; q=0.2, audio/basic"[..]]);
        assert_eq!(
            accept.choose(&["audio/mpeg", "audio/basic"]),
            Some("audio/basic")
        );
        assert_eq!(accept.quality("audio/mpeg"), Quality(200));
        let accept = Accept::from_fields([
            &b"text/plain; q=0.5, text/html, text/x-dvi; q=0.8, text/x-c"[..],
        ]);
        assert_eq!(
            accept.choose(&["text/plain", "text/x-dvi"]),
            Some("text/x-dvi")
        );
    }

    #[test]
    fn chooses_between_a_page_and_json() {
        let table = r#"
            => text/html
            */* => text/html
            text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8 => text/html
            application/json => application/json
            application/json | text/html;q=0.9 => application/json
            application/json;charset="utf-8, or so", text/html;q=0.9 => text/html
            application/json, text/plain, */* => application/json
            application/*, */* => application/json
            text/html, application/json => text/html
            text/html;q=0.5, application/json;q=0.6 => application/json
            Application/JSON;Q=1 => application/json
            text/html;q=0, */* => application/json
            */*;q=0 => -
            */*;q=0.0, application/json => application/json
            image/png => -
            # Of two equal members the first counts; a backslash in quotes escapes one byte.
            text/html;q=0.1, text/html, application/json;q=0.5 => application/json
            image/png;a="\\", application/json => application/json
            image/png;a="\",application/json" => -
            # Malformed members are skipped, and a field without a valid member is ignored.
            application/json;q=2 => text/html
            json, *, */json, /json, application/ => text/html
            "application/json" => text/html
            application/json;q=7, text/html;q=0.1 => text/html
        "#;
        table::check(table, |lines| {
            let accept = Accept::from_fields(lines.split(" | ").map(str::as_bytes));
            accept
                .choose(&["text/html", "application/json"])
                .unwrap_or("-")
        });
    }

    #[test]
    fn floods_are_bounded() {
        // A quadratic reading of a megabyte would take minutes.
        for member in [";", "\"", "\\", "a/b;", "a/b,", "a/b;c=\"\\\",", "a/b;q=1;"] {
            let flood = member.repeat((1 << 20) / member.len());
            let accept = Accept::from_fields([flood.as_bytes()]);
            assert!(accept.ranges.len() <= MAX_MEMBERS);
            accept.choose(&["a/b", "a/b;c=d"]);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(lines: Vec<Vec<u8>>, plausible in "[a-z*/;=q.01,\" \\\\]{0,80}") {
            let lines = lines.iter().map(Vec::as_slice).chain([plausible.as_bytes()]);
            Accept::from_fields(lines).choose(&["text/html", "a/b;c=d"]);
            Accept::from_fields([]).quality(&plausible);
        }
    }
}
