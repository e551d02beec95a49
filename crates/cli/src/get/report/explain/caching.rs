//! What caches may do with a response (RFC 9111), in words.

use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use tinyhttp_client::HttpDate;

/// May it be kept, how long is it good for, and how is it checked afterwards?
pub(super) fn verdict(method: &Method, status: StatusCode, fields: &HeaderMap) -> Vec<String> {
    let directives = directives(fields);
    let find = |name: &str| directives.iter().find(|(other, _)| other == name);
    let has = |name: &str| find(name).is_some();
    let number = |name: &str| find(name).and_then(|(_, value)| value.parse::<i64>().ok());
    if !matches!(*method, Method::GET | Method::HEAD) {
        return vec![format!("nothing is kept of a response to {method}")];
    }
    if has("no-store") {
        return vec!["nothing may be kept: no-store (RFC 9111 §5.2.2.5)".to_owned()];
    }
    let mut lines = Vec::new();
    let validators = match (fields.get(header::ETAG), fields.get(header::LAST_MODIFIED)) {
        (Some(_), _) => Some("If-None-Match and its ETag"),
        (None, Some(_)) => Some("If-Modified-Since and its date"),
        (None, None) => None,
    };
    if has("private") {
        lines.push(
            "only the cache of this client may keep it: private (RFC 9111 §5.2.2.7)".to_owned(),
        );
    }
    if has("no-cache") {
        lines.push("it may be kept, but must be checked before each use: no-cache".to_owned());
    } else if let Some(seconds) = number("s-maxage").filter(|_| !has("private")) {
        lines.push(format!(
            "shared caches may use it for {}: s-maxage",
            span(seconds)
        ));
    } else if let Some(seconds) = number("max-age") {
        lines.push(format!(
            "they may use it for {}: max-age (RFC 9111 §5.2.2.1)",
            span(seconds)
        ));
    } else if let Some(seconds) = until_expires(fields) {
        lines.push(match seconds {
            ..=0 => "it is stale already: Expires lies in the past".to_owned(),
            _ => format!("they may use it for {}: Expires", span(seconds)),
        });
    } else if let Some(seconds) = guess(fields).filter(|_| is_heuristic(status)) {
        lines.push(format!(
            "no field says how long; a tenth of its age, {}, is usual (RFC 9111 §4.2.2)",
            span(seconds)
        ));
    } else {
        lines.push("no field says how long it is fresh: it is checked before each use".to_owned());
    }
    if has("immutable") {
        lines.push("it will never change: immutable (RFC 8246)".to_owned());
    }
    if let Some(age) = fields.get(header::AGE).and_then(|age| age.to_str().ok()) {
        lines.push(format!(
            "this copy came from a cache, which had it for {age} s"
        ));
    }
    match validators {
        Some(how) => lines.push(format!(
            "afterwards it is checked with {how}; 304 says it is still current"
        )),
        None => lines
            .push("afterwards it has to be fetched again: it has no ETag and no date".to_owned()),
    }
    if let Some(vary) = fields.get(header::VARY).and_then(|vary| vary.to_str().ok()) {
        lines.push(format!(
            "one copy for each value of {vary}: Vary (RFC 9111 §4.1)"
        ));
    }
    lines
}

/// The members of Cache-Control: name in lower case, and value.
fn directives(fields: &HeaderMap) -> Vec<(String, String)> {
    fields
        .get_all(header::CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|member| {
            let (name, value) = member.split_once('=').unwrap_or((member, ""));
            let value = value.trim().trim_matches('"').to_owned();
            (name.trim().to_ascii_lowercase(), value)
        })
        .collect()
}

fn date(fields: &HeaderMap, name: HeaderName) -> Option<i64> {
    let value = fields.get(name)?;
    HttpDate::parse(value.as_bytes(), HttpDate::MAX).map(HttpDate::unix_seconds)
}

fn until_expires(fields: &HeaderMap) -> Option<i64> {
    fields.get(header::EXPIRES)?;
    // What isn't a date has expired (RFC 9111 §5.3).
    let expires = date(fields, header::EXPIRES).unwrap_or(i64::MIN / 2);
    Some(expires - date(fields, header::DATE)?)
}

/// A tenth of the time since it last changed.
fn guess(fields: &HeaderMap) -> Option<i64> {
    let age = date(fields, header::DATE)? - date(fields, header::LAST_MODIFIED)?;
    Some(age / 10).filter(|seconds| *seconds > 0)
}

/// The status codes that may be kept without a word about it (RFC 9110 §15.1).
fn is_heuristic(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

/// Seconds in the largest unit that leaves a number of at least two.
fn span(seconds: i64) -> String {
    let units = [(86_400, "days"), (3_600, "hours"), (60, "minutes")];
    match units.iter().find(|(length, _)| seconds >= 2 * length) {
        Some((length, name)) => format!("{} {name}", seconds / length),
        None => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        let table = r#"
            cache-control: no-store => no-store
            cache-control: max-age=3600, Private => private | 60 minutes | fetched again
            cache-control: no-cache | etag: "a" => before each use | If-None-Match
            cache-control: s-maxage=172800, max-age=1 => 2 days
            cache-control: max-age="90", immutable => 90 s | immutable
            date: Sun, 06 Nov 1994 08:49:37 GMT | expires: Sun, 06 Nov 1994 10:49:37 GMT => 2 hours
            date: Sun, 06 Nov 1994 08:49:37 GMT | expires: 0 => stale already
            date: Sun, 06 Nov 1994 08:49:37 GMT | last-modified: Sun, 06 Nov 1994 08:39:37 GMT => a tenth of its age, 60 s | If-Modified-Since
            vary: Accept-Encoding => no field says | Accept-Encoding
        "#;
        for (lines, want) in table::cases(table) {
            let mut fields = HeaderMap::new();
            for (name, value) in table::fields(lines) {
                fields.append(
                    HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    value.parse().unwrap(),
                );
            }
            let text = verdict(&Method::GET, StatusCode::OK, &fields).join("\n");
            for words in table::parts(want) {
                assert!(text.contains(words), "{lines}: {text}");
            }
        }
        let post = verdict(&Method::POST, StatusCode::OK, &HeaderMap::new());
        assert!(post[0].contains("POST"));
    }
}
