//! Grammar that several fields share: tokens and decimal numbers.

/// Which bytes may stand in a token.
static TOKEN: [bool; 256] = letters_digits_and(b"!#$%&'*+-.^_`|~");

/// A table of bytes: ASCII letters, digits, and these.
pub(crate) const fn letters_digits_and(others: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
}

/// Whether a byte may stand in a token (RFC 9110 §5.6.2).
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// Whether `text` is a token: at least one byte, all of which may stand in a token.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_token_byte)
}

/// Whether two field names are the same; their case is ignored. It is quick if both are written as
/// in the RFCs, as most senders do.
pub(crate) fn is_same_name(name: &str, other: &str) -> bool {
    name == other || name.eq_ignore_ascii_case(other)
}

/// The digits of a number, in a buffer that is long enough for every one.
pub(crate) fn digits(mut number: u64, buffer: &mut [u8; 20]) -> &[u8] {
    let mut start = buffer.len();
    loop {
        start -= 1;
        buffer[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &buffer[start..];
        }
    }
}

/// Returns the value of `1*DIGIT`; `None` for other bytes (`str::parse` accepts a leading `+`), no
/// digits, and numbers that a `u64` does not hold.
#[must_use]
pub fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, digit| {
        value.checked_mul(10)?.checked_add(digit_value(*digit)?)
    })
}

/// Returns the value of `1*DIGIT`, or 2⁶⁴−1 if it is larger; `None` for other bytes and for no
/// digits.
#[must_use]
pub fn saturating_decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, digit| {
        Some(
            value
                .saturating_mul(10)
                .saturating_add(digit_value(*digit)?),
        )
    })
}

fn digit_value(digit: u8) -> Option<u64> {
    digit.is_ascii_digit().then(|| u64::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_number() {
        for number in [0, 7, 10, 99, 100, 1_234_567_890, u64::MAX] {
            assert_eq!(digits(number, &mut [0; 20]), number.to_string().as_bytes());
        }
    }

    #[test]
    fn decimals() {
        let max = Some(u64::MAX);
        let table = [
            ("0", Some(0), Some(0)),
            ("007", Some(7), Some(7)),
            ("18446744073709551615", max, max),
            ("18446744073709551616", None, max),
            ("99999999999999999999999", None, max),
            ("", None, None),
            ("+1", None, None),
            ("-1", None, None),
            ("1 ", None, None),
            ("0x1", None, None),
            ("\u{0661}", None, None),
        ];
        for (digits, checked, saturating) in table {
            assert_eq!(decimal(digits.as_bytes()), checked, "{digits}");
            assert_eq!(
                saturating_decimal(digits.as_bytes()),
                saturating,
                "{digits}"
            );
        }
    }
}
