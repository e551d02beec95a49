//! Accept-Encoding (RFC 9110 §12.5.3).

use super::coding::Coding;
use super::list::{members, weight};
use super::quality::Quality;

/// The content codings that a client accepts, with their ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptEncoding {
    /// By coding: 0 if it is not acceptable, [`UNNAMED`] if it is acceptable without being named,
    /// else twice its thousandths.
    ranks: [u16; 4],
}

const CODINGS: [Coding; 4] = [Coding::Br, Coding::Zstd, Coding::Gzip, Coding::Identity];

/// The rank of a coding that is acceptable without being named: below the least weight above zero.
const UNNAMED: u16 = 1;

impl AcceptEncoding {
    /// The value for a request without the field.
    pub const ABSENT: Self = Self {
        ranks: [UNNAMED, UNNAMED, UNNAMED, 2 * Quality::ONE.0],
    };

    /// Parses the field's lines; no lines mean [`ABSENT`](Self::ABSENT). Allocates nothing.
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

    /// Whether the client accepts this coding.
    pub fn accepts(&self, coding: Coding) -> bool {
        self.ranks[coding as usize] > 0
    }

    /// Returns the acceptable coding with the highest weight, among equals the first; `None` if
    /// none is acceptable.
    ///
    /// `available` lists the codings in which the server has the representation, in its order of
    /// preference. It usually ends with [`Coding::Identity`].
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

#[cfg(test)]
mod tests {
    use super::super::coding::Coding::{Br, Gzip, Identity, Zstd};
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
        // The choice from br, zstd, gzip and identity, preferred in this order.
        let table = [
            // The examples of §12.5.3.
            ("compress, gzip", Some(Gzip)),
            ("", Some(Identity)),
            ("*", Some(Br)),
            ("compress;q=0.5, gzip;q=1.0", Some(Gzip)),
            ("gzip;q=1.0, identity; q=0.5, *;q=0", Some(Gzip)),
            // As browsers, curl and wget send it.
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
            // Malformed members are skipped; of two equal members the first counts.
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
    fn absent_and_empty_fields() {
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
