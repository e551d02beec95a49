//! What is shown of secrets: heads without credentials and cookies, URLs without passwords.
//!
//! `-v`, `--dry-run`, `--json-out` and `-w` end up in bug reports, logs of build servers and on
//! shared screens. Everything that they show of a request or a response passes through here.

use tinyhttp_client::hide_passwords;
use url::Url;

/// In place of a secret.
const HIDDEN: &str = "[not shown]";

/// A head with the credentials and cookies taken out of its fields; a scheme such as Basic stays.
pub(in crate::get) fn head(raw: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(raw.len());
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        let end = line.len()
            - line
                .iter()
                .rev()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'))
                .count();
        let (text, line_end) = line.split_at(end);
        shown.extend(field(text).unwrap_or_else(|| without_passwords(text)));
        shown.extend(line_end);
    }
    shown
}

/// A line of a secret field without the secret; `None` for all other lines.
fn field(line: &[u8]) -> Option<Vec<u8>> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
    let has_scheme = is("authorization") || is("proxy-authorization");
    if !has_scheme && !is("cookie") && !is("set-cookie") {
        return None;
    }
    let mut shown = [name, b": "].concat();
    let scheme = value
        .iter()
        .position(|byte| *byte == b' ')
        .filter(|_| has_scheme);
    if let Some(end) = scheme {
        shown.extend(&value[..=end]);
    }
    shown.extend(HIDDEN.as_bytes());
    Some(shown)
}

/// A line with the passwords taken out of its URLs: `Location` and `Referer` may have some.
fn without_passwords(line: &[u8]) -> Vec<u8> {
    // Each byte stands for a character here, so that bytes that are no text stay as they are.
    let text: String = line.iter().copied().map(char::from).collect();
    let shown = hide_passwords(&text);
    shown
        .chars()
        .filter_map(|byte| u8::try_from(byte).ok())
        .collect()
}

/// A URL without its password.
pub(in crate::get) fn url(url: &Url) -> String {
    let mut shown = url.clone();
    // This fails for URLs without a host only, which have no password.
    let _ = shown.set_password(None);
    shown.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_nothing_else() {
        let table = r#"
            GET /a:b HTTP/1.1\r\nHost: h\r\n\r\n => GET /a:b HTTP/1.1\r\nHost: h\r\n\r\n
            Authorization: Basic bWU6cHc=\r\n => Authorization: Basic [not shown]\r\n
            authorization:token\r\n => authorization: [not shown]\r\n
            Proxy-Authorization: Digest a="b c"\n => Proxy-Authorization: Digest [not shown]\n
            Cookie: a=b; c=d\r\n => Cookie: [not shown]\r\n
            X-Cookie: a=b\r\n => X-Cookie: a=b\r\n
            HTTP/1.1 302 Found\r\nlocation: //me:pw@h/a\r\nset-cookie: a=b; Path=/\r\n\r\n => HTTP/1.1 302 Found\r\nlocation: //me@h/a\r\nset-cookie: [not shown]\r\n\r\n
            Refresh: 0; url=http://me:pw@h/\nLink: <http://me:pw@h/>; rel=next\n => Refresh: 0; url=http://me@h/\nLink: <http://me@h/>; rel=next\n
            Referer: http://me:pw@h/\r\n => Referer: http://me@h/\r\n
            =>
        "#;
        table::check(table, |raw| {
            let shown = String::from_utf8(head(&table::bytes(raw))).unwrap();
            shown.replace("\r", "\\r").replace('\n', "\\n")
        });
        assert_eq!(
            head(b"Location: http://m\xe9:pw@h/\xe9\r\n"),
            b"Location: http://m\xe9@h/\xe9\r\n"
        );
        for (text, want) in [
            ("http://me:pw@h/a?b#c", "http://me@h/a?b#c"),
            ("http://h/", "http://h/"),
            ("http://:pw@h/", "http://h/"),
        ] {
            assert_eq!(url(&Url::parse(text).unwrap()), want);
        }
    }
}
