//! Paths and names in a directory: joining them, hiding them, and their order.

use std::cmp::Ordering;

/// The path of `name` in `dir`; both paths start at the root.
pub(crate) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    match dir {
        b"." => name.to_vec(),
        dir => [dir, b"/", name].concat(),
    }
}

/// The directory that a path lies in; both paths start at the root.
pub(crate) fn parent(relative: &[u8]) -> &[u8] {
    let slash = relative.iter().rposition(|byte| *byte == b'/');
    slash.map_or(b".", |at| &relative[..at])
}

/// Whether a name is hidden by a leading dot. `/.well-known/` is public (RFC 8615).
pub(crate) fn is_hidden(name: &[u8], is_in_root: bool) -> bool {
    name.starts_with(b".") && !(is_in_root && name == b".well-known")
}

/// Whether a name in a path [is hidden](is_hidden). `.` is the root, which is not.
pub(crate) fn has_hidden(relative: &[u8]) -> bool {
    let mut names = relative.split(|byte| *byte == b'/').enumerate();
    names.any(|(depth, name)| name != b"." && is_hidden(name, depth == 0))
}

/// Compares names in natural order: case is ignored, and `file2` comes before `file10`. Names that
/// are equal so far are compared byte by byte.
pub(crate) fn by_name(a: &[u8], b: &[u8]) -> Ordering {
    let (mut left, mut right) = (a, b);
    while let ([x, ..], [y, ..]) = (left, right) {
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let (number, other) = (number(&mut left), number(&mut right));
            let by_value = number
                .len()
                .cmp(&other.len())
                .then_with(|| number.cmp(other));
            if by_value != Ordering::Equal {
                return by_value;
            }
        } else {
            let by_letter = x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase());
            if by_letter != Ordering::Equal {
                return by_letter;
            }
            (left, right) = (&left[1..], &right[1..]);
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// Splits the digits off the front, and returns them without leading zeros.
fn number<'n>(text: &mut &'n [u8]) -> &'n [u8] {
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_in_natural_order() {
        let want = [
            "2", "10", "A", "a", "a1b", "a1c", "a02", "a2", "a3", "a10", "a10b", "b", "z", "ä",
        ];
        let mut names = want;
        names.reverse();
        names.sort_unstable_by(|a, b| by_name(a.as_bytes(), b.as_bytes()));
        assert_eq!(names, want);
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in "[a0-2B]{0,5}", b in "[a0-2B]{0,5}", c in "[a0-2B]{0,5}") {
            let order = |x: &str, y: &str| by_name(x.as_bytes(), y.as_bytes());
            prop_assert_eq!(order(&a, &b), order(&b, &a).reverse());
            prop_assert_eq!(order(&a, &b) == Ordering::Equal, a == b);
            if order(&a, &b) == Ordering::Less && order(&b, &c) == Ordering::Less {
                prop_assert_eq!(order(&a, &c), Ordering::Less);
            }
        }
    }
}
