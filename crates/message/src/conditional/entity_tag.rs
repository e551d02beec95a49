//! Entity tags and lists of them (RFC 9110 §8.8.3).

/// An entity tag: opaque bytes that identify the exact bytes of a representation (strong) or only
/// its meaning (weak).
///
/// `==` compares spelling. Conditions use [`matches_strongly`](Self::matches_strongly) and
/// [`matches_weakly`](Self::matches_weakly).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntityTag<'a> {
    weak: bool,
    opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// Parses `"opaque"` or `W/"opaque"`, without anything around it.
    ///
    /// `None` for anything else, and if a byte between the quotes is a quote, a space, a control or
    /// DEL. There is no escaping: a backslash is an ordinary byte.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (weak, opaque_tag) = match value.strip_prefix(b"W/") {
            Some(opaque_tag) => (true, opaque_tag),
            None => (false, value),
        };
        let [b'"', opaque @ .., b'"'] = opaque_tag else {
            return None;
        };
        let etagc = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x7E | 0x80..=0xFF);
        opaque.iter().all(etagc).then_some(Self { weak, opaque })
    }

    /// The well-formed tags of a list field's lines; `*` and malformed members are skipped.
    pub fn list(lines: impl IntoIterator<Item = &'a [u8]>) -> impl Iterator<Item = Self> {
        lines.into_iter().flat_map(members).filter_map(Self::parse)
    }

    /// Whether the tag is marked `W/`.
    pub const fn is_weak(self) -> bool {
        self.weak
    }

    /// The bytes between the quotes.
    pub const fn opaque(self) -> &'a [u8] {
        self.opaque
    }

    /// The tag as it is written in a field: quoted, and marked if it is weak.
    pub fn to_bytes(self) -> Vec<u8> {
        let mark: &[u8] = if self.weak { b"W/" } else { b"" };
        [mark, b"\"", self.opaque, b"\""].concat()
    }

    /// Strong comparison (§8.8.3.2): the same bytes, and neither tag weak.
    pub fn matches_strongly(self, other: EntityTag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// Weak comparison (§8.8.3.2): the same bytes.
    pub fn matches_weakly(self, other: EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }
}

/// The non-empty members of a list line (§5.6.1), split at commas outside quotes. A quote that
/// never closes takes the rest.
pub(super) fn members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let separates = move |byte: &u8| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    };
    line.split(separates)
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tag(text: &str) -> EntityTag<'_> {
        EntityTag::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn entity_tag_grammar() {
        let tags: [(&[u8], bool, &[u8]); 7] = [
            // §8.8.3
            (br#""xyzzy""#, false, b"xyzzy"),
            (br#"W/"xyzzy""#, true, b"xyzzy"),
            (br#""""#, false, b""),
            (br#"W/"""#, true, b""),
            (br#""a,b""#, false, b"a,b"),
            (br#""a\""#, false, br"a\"),
            (b"\"\xE9\"", false, b"\xE9"),
        ];
        for (text, weak, opaque) in tags {
            assert_eq!(EntityTag::parse(text), Some(EntityTag { weak, opaque }));
        }
        let others =
            r#" |*|"|W/|W/"|xyzzy|w/"xyzzy"|W/ "xyzzy"|"xy zzy"|"xy"zzy"| "xyzzy"|"xyzzy" "#;
        for text in others
            .split('|')
            .chain(["", "\"xy\x7Fzzy\"", "\"xy\tzzy\""])
        {
            assert_eq!(EntityTag::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn comparison_table_of_8_8_3_2() {
        let table = [
            (r#"W/"1""#, r#"W/"1""#, false, true),
            (r#"W/"1""#, r#"W/"2""#, false, false),
            (r#"W/"1""#, r#""1""#, false, true),
            (r#""1""#, r#""1""#, true, true),
        ];
        for (a, b, strongly, weakly) in table {
            for (a, b) in [(a, b), (b, a)] {
                assert_eq!(tag(a).to_bytes(), a.as_bytes());
                assert_eq!(tag(a).matches_strongly(tag(b)), strongly, "{a} {b}");
                assert_eq!(tag(a).matches_weakly(tag(b)), weakly, "{a} {b}");
            }
        }
    }

    proptest! {
        #[test]
        fn tag_lists_round_trip(lists: Vec<Vec<(bool, Vec<u8>)>>) {
            let etagc = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x7E | 0x80..=0xFF);
            let mut expected = Vec::new();
            let mut lines = vec![Vec::new(); lists.len()];
            for (list, line) in lists.iter().zip(&mut lines) {
                for (weak, opaque) in list {
                    let opaque: Vec<u8> = opaque.iter().copied().filter(etagc).collect();
                    line.extend_from_slice(if *weak { b", W/\"" } else { b" ,\"" });
                    line.extend_from_slice(&opaque);
                    line.push(b'"');
                    expected.push((*weak, opaque));
                }
            }
            let tags = EntityTag::list(lines.iter().map(Vec::as_slice));
            let read: Vec<_> = tags.map(|tag| (tag.is_weak(), tag.opaque().to_vec())).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
