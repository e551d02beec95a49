//! Escaping text for HTML.

use std::fmt;

/// Text whose characters with a meaning in HTML are escaped, for content and for quoted attributes.
pub(crate) struct Escaped<'t>(pub(crate) &'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut escaped = String::with_capacity(self.0.len());
        push_escaped(self.0, &mut escaped);
        f.write_str(&escaped)
    }
}

/// Appends text, escaped as by [`Escaped`].
pub(crate) fn push_escaped(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_characters_are_escaped() {
        let escaped = Escaped("a<b> & \"c\" 'd' ü").to_string();
        assert_eq!(escaped, "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39; ü");
    }
}
