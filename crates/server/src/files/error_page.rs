//! placeholder until the files branch lands
use http::{HeaderValue, StatusCode};
pub(crate) fn render(status: StatusCode, explanation: &str) -> (HeaderValue, String) {
    (
        HeaderValue::from_static("text/html; charset=utf-8"),
        format!("<h1>{status}</h1><p>{explanation}</p>\n"),
    )
}
