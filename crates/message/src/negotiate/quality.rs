//! Weights (RFC 9110 §12.4.2).

/// A weight in thousandths (§12.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quality(pub(super) u16);

impl Quality {
    /// Not acceptable.
    pub const ZERO: Self = Self(0);
    /// Fully acceptable; the weight of a member without one.
    pub const ONE: Self = Self(1000);

    /// Parses a qvalue: 0 or 1, then at most a point and three digits, in total at most 1; `None`
    /// for anything else.
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
