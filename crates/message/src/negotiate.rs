//! Proactive negotiation (RFC 9110 §12): which content coding and which media type suit the client best.
//!
//! `Accept-Encoding` and `Accept` are lists whose members carry a weight, `q`, from 0 (not acceptable) to 1 in steps of a
//! thousandth; a member without one weighs 1 (§12.4.2). The server knows what it can offer, and takes what weighs most; among
//! equals, its own order decides.
//!
//! **Codings** ([`AcceptEncoding`], §12.5.3). `*` stands for every coding not named. `identity`, the representation as it is, is
//! acceptable unless `identity;q=0` or `*;q=0` excludes it, but a coding that the client did name is preferred to an `identity`
//! that it didn't. An empty field wants no coding; without the field any is acceptable, but only `identity` sure to be
//! understood.
//!
//! **Media types** ([`Accept`], §12.5.1). Of the ranges that match a type the most specific gives its weight:
//! `text/html;level=1` before `text/html` before `text/*` before `*/*`.
//!
//! If nothing on offer is acceptable, both choose `None`. The server may then answer 406, or send what it has as though the
//! field weren't there (§12.4.1), which serves people better.
//!
//! A malformed member, a malformed weight above all, is passed over and leaves the others standing; at most [`MAX_MEMBERS`] are
//! read. Of two members that say the same thing, the first counts.
//!
//! ```
//! use tinyhttp_message::negotiate::{Accept, AcceptEncoding, Coding};
//!
//! let accept_encoding = AcceptEncoding::from_fields([&b"gzip, deflate, br;q=0.8"[..]]);
//! assert_eq!(accept_encoding.choose(&[Coding::Br, Coding::Gzip, Coding::Identity]), Some(Coding::Gzip));
//!
//! let accept = Accept::from_fields([&b"application/json, */*;q=0.1"[..]]);
//! assert_eq!(accept.choose(&["text/html", "application/json"]), Some("application/json"));
//! ```

use std::fmt;

pub use accept::Accept;

mod accept;

/// How many members of a field are read, over all its lines.
pub const MAX_MEMBERS: usize = 64;

/// A weight in thousandths (§12.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quality(u16);

impl Quality {
    /// Not acceptable.
    pub const ZERO: Self = Self(0);
    /// Wholly acceptable; the weight of a member that gives none.
    pub const ONE: Self = Self(1000);

    /// Reads a qvalue: 0 or 1, then at most a point and three digits, together no more than 1.
    pub fn parse(qvalue: &[u8]) -> Option<Self> {
        let (whole, fraction) = match qvalue {
            [whole @ (b'0' | b'1')] => (whole, &[][..]),
            [whole @ (b'0' | b'1'), b'.', fraction @ ..] => (whole, fraction),
            _ => return None,
        };
        if fraction.len() > 3 || !fraction.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let digit = |at| fraction.get(at).map_or(0, |digit| u16::from(digit - b'0'));
        let thousandths =
            u16::from(whole - b'0') * 1000 + digit(0) * 100 + digit(1) * 10 + digit(2);
        (thousandths <= 1000).then_some(Self(thousandths))
    }

    /// The weight in thousandths, 0 to 1000.
    pub const fn thousandths(self) -> u16 {
        self.0
    }
}

/// A content coding (§8.4.1) that this crate's users can apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// Brotli (RFC 7932).
    Br,
    /// Zstandard (RFC 9659).
    Zstd,
    /// Gzip (RFC 1952); `x-gzip` is the same.
    Gzip,
    /// None. Never written in `Content-Encoding`.
    Identity,
}

impl Coding {
    /// The coding of this name, in any case; `None` if it is none of ours.
    pub fn parse(name: &[u8]) -> Option<Self> {
        let named = |(candidate, _): &(&str, _)| name.eq_ignore_ascii_case(candidate.as_bytes());
        let names = [
            ("br", Self::Br),
            ("zstd", Self::Zstd),
            ("gzip", Self::Gzip),
            ("x-gzip", Self::Gzip),
            ("identity", Self::Identity),
        ];
        names.into_iter().find(named).map(|(_, coding)| coding)
    }

    /// The name to write.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Br => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the client says of our codings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptEncoding {
    /// By coding: 0 for what is not acceptable, [`UNNAMED`] for what is without being named, else twice its thousandths.
    ranks: [u16; 4],
}

const CODINGS: [Coding; 4] = [Coding::Br, Coding::Zstd, Coding::Gzip, Coding::Identity];

/// The rank of what is acceptable without being named: below the least weight above zero.
const UNNAMED: u16 = 1;

impl AcceptEncoding {
    /// What a request without the field says.
    pub const ABSENT: Self = Self {
        ranks: [UNNAMED, UNNAMED, UNNAMED, 2 * Quality::ONE.0],
    };

    /// Reads the field's lines, none of which means [`ABSENT`](Self::ABSENT). Allocates nothing.
    pub fn from_fields<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut lines = lines.into_iter().peekable();
        if lines.peek().is_none() {
            return Self::ABSENT;
        }
        let mut named: [Option<Quality>; 4] = [None; 4];
        let mut asterisk = None;
        for member in members(lines) {
            let (name, weight) = match member.iter().position(|byte| *byte == b';') {
                None => (member, Some(Quality::ONE)),
                Some(at) => (&member[..at], weight(member[at + 1..].trim_ascii())),
            };
            let name = name.trim_ascii();
            let entry = match Coding::parse(name) {
                Some(coding) => &mut named[coding as usize],
                None if name == b"*" => &mut asterisk,
                None => continue,
            };
            *entry = entry.or(weight);
        }
        let rank = |coding: Coding| match named[coding as usize].or(asterisk) {
            Some(quality) => 2 * quality.0,
            None if coding == Coding::Identity => UNNAMED,
            None => 0,
        };
        Self {
            ranks: CODINGS.map(rank),
        }
    }

    /// Whether the client can be sent this coding at all.
    pub fn accepts(&self, coding: Coding) -> bool {
        self.ranks[coding as usize] > 0
    }

    /// The acceptable coding that weighs most, of equals the first; `None` if none is acceptable.
    ///
    /// `available` lists what the server has of this representation, in its own order of preference. Most of the time that
    /// includes [`Coding::Identity`], last.
    pub fn choose(&self, available: &[Coding]) -> Option<Coding> {
        // max_by_key takes the last of equals, so the search runs from the end.
        let best = available
            .iter()
            .copied()
            .rev()
            .max_by_key(|coding| self.ranks[*coding as usize])?;
        self.accepts(best).then_some(best)
    }
}

fn is_weight(parameter: &[u8]) -> bool {
    matches!(parameter, [b'q' | b'Q', b'=', ..])
}

fn weight(parameter: &[u8]) -> Option<Quality> {
    let qvalue = parameter.get(2..).filter(|_| is_weight(parameter))?;
    Quality::parse(qvalue)
}

/// The non-empty members of a list field's lines, up to the bound.
fn members<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> impl Iterator<Item = &'a [u8]> {
    let split = lines
        .into_iter()
        .flat_map(|line| split_unquoted(line, b','));
    split.filter(|member| !member.is_empty()).take(MAX_MEMBERS)
}

/// Splits at a separator outside quoted strings, in which a backslash escapes (§5.6.4), and trims.
fn split_unquoted(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    let separates = move |byte: &u8| {
        if *byte == b'"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && *byte == b'\\' && !escaped;
        *byte == separator && !quoted
    };
    text.split(separates).map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::Coding::{Br, Gzip, Identity, Zstd};
    use super::*;
    use proptest::prelude::*;

    fn accept_encoding(lines: &str) -> AcceptEncoding {
        AcceptEncoding::from_fields(lines.split(" | ").map(str::as_bytes))
    }

    #[test]
    fn qvalues() {
        let valid = "0=0 1=1000 0.=0 1.=1000 0.5=500 0.05=50 0.123=123 0.000=0 1.0=1000 1.000=1000";
        for (text, thousandths) in valid.split(' ').filter_map(|row| row.split_once('=')) {
            let quality = Quality::parse(text.as_bytes()).map(Quality::thousandths);
            assert_eq!(quality, thousandths.parse().ok(), "{text}");
        }
        let invalid =
            " 2 00 .5 1.001 1.1 0.1234 0.0000 -1 +1 0,5 0.5a 0..5 1e0 0x1 NaN inf \"0.5\"";
        for text in invalid.split(' ') {
            assert_eq!(Quality::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn chooses_a_coding() {
        // What is chosen of br, zstd, gzip, identity, preferred in this order.
        let table = [
            // The examples of §12.5.3.
            ("compress, gzip", Some(Gzip)),
            ("", Some(Identity)),
            ("*", Some(Br)),
            ("compress;q=0.5, gzip;q=1.0", Some(Gzip)),
            ("gzip;q=1.0, identity; q=0.5, *;q=0", Some(Gzip)),
            // As browsers, curl and wget say it.
            ("gzip, deflate, br, zstd", Some(Br)),
            ("deflate, gzip, br", Some(Br)),
            ("identity", Some(Identity)),
            // Weights decide, then the server's order.
            ("br;q=0.8, zstd;q=0.9, gzip;q=0.7", Some(Zstd)),
            ("gzip;q=0.001", Some(Gzip)),
            ("gzip;q=0.5, identity;q=0.6", Some(Identity)),
            ("gzip;q=0.5, identity;q=0.5", Some(Gzip)),
            ("gzip;q=0.5, *;q=0.6", Some(Br)),
            ("gzip, *;q=0.5", Some(Gzip)),
            ("br;q=0, *", Some(Zstd)),
            ("gzip;q=0", Some(Identity)),
            // identity and the asterisk.
            ("identity;q=0", None),
            ("*;q=0", None),
            ("*;q=0, identity", Some(Identity)),
            ("*;q=0, identity;q=0.001", Some(Identity)),
            ("identity;q=0, *", Some(Br)),
            ("identity;q=0, gzip", Some(Gzip)),
            ("identity;q=0.000, deflate", None),
            ("deflate", Some(Identity)),
            // Spelling.
            ("GZip", Some(Gzip)),
            ("x-gzip", Some(Gzip)),
            ("x-gzip;q=0.5, identity", Some(Identity)),
            ("gzip ; Q=0.5 , identity ;\tq=0.4", Some(Gzip)),
            (" , gzip,, ", Some(Gzip)),
            ("deflate | br;q=0.5 | gzip", Some(Gzip)),
            // Malformed members are passed over; of two alike the first counts.
            ("gzip;q=2", Some(Identity)),
            ("gzip;q=", Some(Identity)),
            ("gzip;", Some(Identity)),
            ("gzip;level=1", Some(Identity)),
            ("gzip;q=1;q=1", Some(Identity)),
            ("gzip; q = 1", Some(Identity)),
            ("gzip br", Some(Identity)),
            ("\"gzip, br\"", Some(Identity)),
            ("br;q=x, zstd;q=0.1234, gzip;q=0.1", Some(Gzip)),
            (
                "gzip;q=x, gzip;q=0.4, gzip;q=0.6, identity;q=0.5",
                Some(Identity),
            ),
        ];
        for (lines, expected) in table {
            let chosen = accept_encoding(lines).choose(&[Br, Zstd, Gzip, Identity]);
            assert_eq!(chosen, expected, "{lines}");
        }
    }

    #[test]
    fn without_the_field_identity_is_sent_and_anything_acceptable() {
        let absent = AcceptEncoding::from_fields([]);
        assert_eq!(absent.choose(&[Br, Gzip, Identity]), Some(Identity));
        assert_eq!(absent.choose(&[Gzip, Br]), Some(Gzip));
        assert!(CODINGS.into_iter().all(|coding| absent.accepts(coding)));
        let empty = accept_encoding("");
        assert_eq!(empty.choose(&[Gzip, Br]), None);
        assert_eq!(
            CODINGS.map(|coding| empty.accepts(coding)),
            [false, false, false, true]
        );
        assert_eq!(empty.choose(&[]), None);
        let least = accept_encoding("gzip;q=0.001");
        assert_eq!(least.choose(&[Identity, Gzip]), Some(Gzip));
    }

    #[test]
    fn floods_are_bounded() {
        let flood =
            |member: &str| [member.repeat((1 << 20) / member.len()), "gzip".into()].concat();
        assert_eq!(
            accept_encoding(&flood("deflate,")).choose(&[Gzip, Identity]),
            Some(Identity)
        );
        assert_eq!(
            accept_encoding(&flood(",")).choose(&[Gzip, Identity]),
            Some(Gzip)
        );
    }

    proptest! {
        #[test]
        fn every_weight_round_trips(thousandths in 0..=1000_u16) {
            let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
            prop_assert_eq!(Quality::parse(text.as_bytes()).map(Quality::thousandths), Some(thousandths));
        }

        #[test]
        fn the_choice_is_the_heaviest(weights: [Option<u16>; 4], order in Just(CODINGS.to_vec()).prop_shuffle()) {
            let weights = weights.map(|weight| weight.map(|weight| weight % 1001));
            let named = CODINGS.into_iter().zip(weights);
            let members = named.filter_map(|(coding, weight)| Some((coding, weight?))).map(|(coding, weight)| {
                format!("{coding};q={}.{:03}", weight / 1000, weight % 1000)
            });
            let field = members.collect::<Vec<_>>().join(", ");
            let weight = |coding: Coding| weights[coding as usize].map_or(0, |weight| weight * 2)
                + u16::from(coding == Identity && weights[3].is_none());
            let heaviest = order.iter().map(|coding| weight(*coding)).max().unwrap_or(0);
            let expected = order.iter().copied().find(|coding| heaviest > 0 && weight(*coding) == heaviest);
            prop_assert_eq!(accept_encoding(&field).choose(&order), expected, "{}", field);
        }

        #[test]
        fn no_bytes_panic(lines: Vec<Vec<u8>>, plausible in "[a-z*;=.01, ]{0,80}") {
            let lines = lines.iter().map(Vec::as_slice).chain([plausible.as_bytes()]);
            AcceptEncoding::from_fields(lines).choose(&CODINGS);
        }
    }
}
