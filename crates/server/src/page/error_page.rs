//! The page of a response without content of its own: errors and redirects.

use super::escape::Escaped;
use super::palette::PALETTE;
use crate::body::Body;
use http::header::{CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Response, StatusCode};

/// The explanation of a 500 whose cause clients are not told.
pub(crate) const FAILED: &str = "The server failed to respond; its log says why.";

/// A response with a status and a page that names it and explains it in a sentence.
///
/// The page contains nothing from the request, so that a URL can't put text on it.
pub(crate) fn error_page(status: StatusCode, explanation: &str) -> Response<Body> {
    let code = status.as_u16();
    let reason = Escaped(status.canonical_reason().unwrap_or("Error"));
    let explanation = Escaped(explanation);
    let page = format!(
        "<!doctype html>\n\
         <html lang=\"en\">\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{code} {reason}</title>\n\
         <style>\n\
         {PALETTE}\
         html {{ background: var(--desk); color: var(--ink); font: 1.125rem/1.5 system-ui, sans-serif }}\n\
         body {{ max-width: 32rem; margin: 20vh auto 0; padding: 0 1.5rem }}\n\
         h1 {{ margin: 0; font-size: 1.5rem }}\n\
         h1 b {{ display: block; font-size: 4rem; line-height: 1.1; font-weight: 300; color: var(--server) }}\n\
         p {{ color: var(--soft) }}\n\
         </style>\n\
         <h1><b>{code}</b> {reason}</h1>\n\
         <p>{explanation}</p>\n"
    );
    let mut response = Response::new(Body::from(page));
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_page_names_its_status_and_escapes_its_explanation() {
        let mut response = error_page(StatusCode::NOT_FOUND, "<script>alert(1)</script>");
        assert_eq!(response.status(), 404);
        let length = response.body().length().unwrap();
        let mut page = String::new();
        response.body_mut().read_to_string(&mut page).unwrap();
        assert_eq!(page.len() as u64, length);
        assert!(page.contains("<title>404 Not Found</title>"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(!page.contains("<script"));
    }

    #[test]
    fn a_status_without_a_name_has_a_page_too() {
        let status = StatusCode::from_u16(599).unwrap();
        assert_eq!(error_page(status, "").status(), 599);
    }
}
