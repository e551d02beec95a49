//! Names and values of a form or a query: `application/x-www-form-urlencoded` (WHATWG URL §5).

use percent_encoding::percent_decode_str;
use std::str::FromStr;

/// Names and values, decoded, in the order in which they were sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `name=value` pairs, joined by `&`, with `+` for spaces and `%` codes. `None` for a `%`
    /// without two hexadecimal digits, and for what is no UTF-8.
    pub(crate) fn parse(content: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(content).ok()?;
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let decoded = pairs.map(|pair| {
            // Split first, so that an encoded & or = stays part of its value.
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        });
        decoded.collect::<Option<_>>().map(Form)
    }

    /// The first value of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(value)
    }

    /// All values of this name.
    pub fn get_all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        let named = self.0.iter().filter(move |(key, _)| key == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The first value of this name as a value of type `T`; `None` if it is missing or no `T`.
    #[must_use]
    pub fn value<T: FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }

    /// All names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

fn decode(text: &str) -> Option<String> {
    let mut codes = text.split('%').skip(1).map(str::as_bytes);
    let is_code = |code: &[u8]| code.len() >= 2 && code[..2].iter().all(u8::is_ascii_hexdigit);
    if !codes.all(is_code) {
        return None;
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_split_and_decoded() {
        let form = Form::parse("a=1&b=x+y%26z&&a=%C3%A4&c&=d".as_bytes()).unwrap();
        let want = [("a", "1"), ("b", "x y&z"), ("a", "ä"), ("c", ""), ("", "d")];
        assert!(form.iter().eq(want));
        assert_eq!(form.get("a"), Some("1"));
        assert!(form.get_all("a").eq(["1", "ä"]));
        assert_eq!(
            (form.value::<u8>("a"), form.value::<u8>("b")),
            (Some(1), None)
        );
        assert_eq!(Form::parse(b""), Some(Form::default()));
        for malformed in ["a=%", "a=%4", "%zz=1", "a=%ff"] {
            assert_eq!(Form::parse(malformed.as_bytes()), None, "{malformed}");
        }
    }
}
