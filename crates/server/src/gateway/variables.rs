//! Names and values of variables. All texts of a request lie in one buffer, because a request has
//! some thirty of them, and an allocation for each costs more than the rest of its way.

use std::fmt;
use std::ops::Range;

/// Variables that most requests have, and room for those of fields.
const VARIABLES: usize = 32;

/// Bytes of their names and values.
const TEXT: usize = 1024;

/// The variables of a request, in their order.
#[derive(Clone, Default)]
pub(crate) struct Variables {
    text: Vec<u8>,
    places: Vec<Place>,
}

/// Where a variable lies in the text. They lie in their order.
#[derive(Debug, Clone)]
struct Place {
    start: usize,
    /// The end of the name, and the start of the value.
    middle: usize,
    end: usize,
}

impl Place {
    fn name(&self) -> Range<usize> {
        self.start..self.middle
    }

    fn value(&self) -> Range<usize> {
        self.middle..self.end
    }
}

impl Variables {
    /// No variables, and room for those of a request.
    pub(crate) fn new() -> Self {
        Variables {
            text: Vec::with_capacity(TEXT),
            places: Vec::with_capacity(VARIABLES),
        }
    }

    /// Adds a variable.
    pub(crate) fn add(&mut self, name: &[u8], value: &[u8]) {
        self.add_with(name, |text| text.extend_from_slice(value));
    }

    /// Adds a variable whose value `write` appends.
    pub(crate) fn add_with(&mut self, name: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.text.len();
        self.text.extend_from_slice(name);
        let middle = self.text.len();
        write(&mut self.text);
        let end = self.text.len();
        self.places.push(Place { start, middle, end });
    }

    /// Appends to the value of the first variable of this name. Returns whether there is one.
    pub(crate) fn append(&mut self, name: &[u8], parts: [&[u8]; 2]) -> bool {
        let text = &self.text;
        let mut places = self.places.iter_mut();
        let Some(place) = places.find(|place| text[place.name()] == *name) else {
            return false;
        };
        let (end, length) = (place.end, self.text.len());
        for part in parts {
            self.text.extend_from_slice(part);
        }
        let added = self.text.len() - length;
        self.text[end..].rotate_right(added);
        place.end += added;
        for place in places {
            place.start += added;
            place.middle += added;
            place.end += added;
        }
        true
    }

    /// Removes the variables whose name is not to be kept.
    pub(crate) fn retain(&mut self, keeps: impl Fn(&[u8]) -> bool) {
        let text = &self.text;
        self.places.retain(|place| keeps(&text[place.name()]));
    }

    /// The names and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        let parts = |place: &Place| (&self.text[place.name()], &self.text[place.value()]);
        self.places.iter().map(parts)
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |(name, value): (&[u8], &[u8])| {
            format!("{}={}", name.escape_ascii(), value.escape_ascii())
        };
        f.debug_list().entries(self.iter().map(text)).finish()
    }
}

/// They are equal if their names and values are.
impl PartialEq for Variables {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Variables {}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(variables: &Variables) -> String {
        format!("{variables:?}")
    }

    #[test]
    fn values_are_appended_where_they_belong() {
        let mut variables = Variables::default();
        variables.add(b"A", b"1");
        variables.add(b"B", b"");
        variables.add_with(b"C", |text| text.extend_from_slice(b"33"));
        assert!(variables.append(b"A", [b", ", b"11"]));
        assert!(variables.append(b"C", [b"; ", b""]));
        assert!(variables.append(b"B", [b"", b"2"]));
        assert!(!variables.append(b"D", [b", ", b"4"]));
        assert!(!variables.append(b"", [b", ", b"4"]));
        variables.add(b"A", b"last");
        assert!(variables.append(b"A", [b",", b"1"]));
        assert_eq!(
            text(&variables),
            r#"["A=1, 11,1", "B=2", "C=33; ", "A=last"]"#
        );
    }

    #[test]
    fn removed_variables_leave_the_others_as_they_are() {
        let mut variables = Variables::new();
        for name in ["A", "B", "C"] {
            variables.add(name.as_bytes(), name.to_lowercase().as_bytes());
        }
        variables.retain(|name| name != b"B");
        assert_eq!(text(&variables), r#"["A=a", "C=c"]"#);
        assert!(!variables.append(b"B", [b",", b"b"]));
        assert!(variables.append(b"A", [b",", b"b"]));
        variables.add(b"B", b"b");
        assert_eq!(text(&variables), r#"["A=a,b", "C=c", "B=b"]"#);
        let mut other = Variables::default();
        for (name, value) in [("A", "a,b"), ("C", "c"), ("B", "b")] {
            other.add(name.as_bytes(), value.as_bytes());
        }
        assert_eq!(variables, other);
        other.append(b"B", [b"b", b""]);
        assert_ne!(variables, other);
    }
}
