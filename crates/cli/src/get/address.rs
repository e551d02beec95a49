//! From what was typed to a URL.

use crate::failure::Failure;
use url::Url;

/// The URL that is meant. `host:port/path` means http, and `:port/path` this machine.
pub(super) fn parse(text: &str) -> Result<Url, Failure> {
    let text = text.trim();
    let full = if text.contains("://") {
        text.to_owned()
    } else if text.starts_with(':') {
        format!("http://localhost{text}")
    } else {
        format!("http://{text}")
    };
    let url = Url::parse(&full).map_err(|error| {
        Failure::with_code(3, format!("{text:?} is not a URL: {error}"))
            .hint("write it as host:port/path or http://host/path")
    })?;
    if !matches!(url.scheme(), "http" | "https" | "gopher" | "gophers") {
        let scheme = url.scheme();
        return Err(
            Failure::with_code(1, format!("the scheme {scheme:?} is not supported"))
                .hint("use http://, https://, gopher:// or gophers://"),
        );
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant() {
        let table = [
            ("http://h/a?b#c", Ok("http://h/a?b#c")),
            ("h", Ok("http://h/")),
            ("h/a", Ok("http://h/a")),
            ("localhost:8080", Ok("http://localhost:8080/")),
            ("localhost:8080/a?u=http://x/", Err(())),
            ("127.0.0.1:80/a", Ok("http://127.0.0.1/a")),
            ("[::1]:8080/a", Ok("http://[::1]:8080/a")),
            (":8080/a", Ok("http://localhost:8080/a")),
            (" h ", Ok("http://h/")),
            ("HTTPS://H/", Ok("https://h/")),
            ("http://h/a b", Ok("http://h/a%20b")),
            (
                "http://bücher.example/",
                Ok("http://xn--bcher-kva.example/"),
            ),
            ("http://", Err(())),
            ("", Err(())),
            ("h:99999", Err(())),
            ("http://[::g]/", Err(())),
            ("http://a b/", Err(())),
            ("gopher://h/0/a", Ok("gopher://h/0/a")),
            ("ftp://h/", Err(())),
            ("file:///etc/passwd", Err(())),
        ];
        for (text, want) in table {
            let got = parse(text).map(String::from).map_err(|_| ());
            assert_eq!(
                got.as_deref(),
                want.as_ref().copied().map_err(|()| &()),
                "{text}"
            );
        }
    }
}
