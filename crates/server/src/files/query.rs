//! The query of a request target, in the form that HTML forms send: `name=value&name=value`.

use percent_encoding::percent_decode;

/// A query, still encoded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(String);

impl Query {
    pub(crate) fn new(raw: Option<&str>) -> Self {
        Query(raw.unwrap_or_default().to_owned())
    }

    /// Whether there is a parameter `name`, with or without a value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// The decoded value of the first parameter `name`; empty if the parameter has no value.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        let value = self.raw(name)?.replace('+', " ");
        Some(
            percent_decode(value.as_bytes())
                .decode_utf8_lossy()
                .into_owned(),
        )
    }

    fn raw(&self, name: &str) -> Option<&str> {
        let mut parameters = self
            .0
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        parameters
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters() {
        let query = Query::new(Some("a=1&b&c=%C3%BC+x%26&a=2&=&d=e=f"));
        let table = [
            ("a", Some("1")),
            ("b", Some("")),
            ("c", Some("ü x&")),
            ("d", Some("e=f")),
            ("e", None),
        ];
        for (name, want) in table {
            assert_eq!(query.value(name).as_deref(), want, "{name}");
            assert_eq!(query.has(name), want.is_some());
        }
        assert!(!Query::new(None).has("a"));
    }
}
