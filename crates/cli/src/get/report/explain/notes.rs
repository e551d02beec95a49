//! What the parts of a message mean, and which section defines them.

use http::{Method, StatusCode};

/// The request's first line.
pub(super) fn request_line(line: &str) -> &'static str {
    let target = line.split(' ').nth(1).unwrap_or_default();
    if target.contains("://") {
        "method, the whole URL, as a proxy wants it, and version (RFC 9112 §3.2.2)"
    } else if target == "*" {
        "method, the server itself, and version (RFC 9112 §3.2.4)"
    } else {
        "method, target, version (RFC 9112 §3)"
    }
}

/// What a method asks for.
pub(super) fn method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "send the representation; changes nothing (RFC 9110 §9.3.1)",
        "HEAD" => "what GET would return, without the content (RFC 9110 §9.3.2)",
        "POST" => "process this content; repeating it may have another effect (RFC 9110 §9.3.3)",
        "PUT" => "store this as the representation (RFC 9110 §9.3.4)",
        "DELETE" => "remove the representation (RFC 9110 §9.3.5)",
        "OPTIONS" => "list what this resource permits (RFC 9110 §9.3.7)",
        "PATCH" => "apply this change (RFC 5789)",
        "TRACE" => "return the request as it was received (RFC 9110 §9.3.8)",
        _ => "not a standard method; the server defines it",
    }
}

/// A status code.
pub(super) fn status(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200 => "here it is (RFC 9110 §15.3.1)",
        201 => "created; Location says where (RFC 9110 §15.3.2)",
        202 => "accepted, but not done yet (RFC 9110 §15.3.3)",
        204 => "done, and there is nothing to show (RFC 9110 §15.3.5)",
        206 => "here is the part that was asked for (RFC 9110 §15.3.7)",
        301 => "it has moved for good: use the new URL from now on (RFC 9110 §15.4.2)",
        302 => "it is elsewhere for now (RFC 9110 §15.4.3)",
        303 => "the result is at Location: fetch it with GET (RFC 9110 §15.4.4)",
        304 => "the stored copy is still current (RFC 9110 §15.4.5)",
        307 => "it is elsewhere for now: ask there in the same way (RFC 9110 §15.4.8)",
        308 => "it has moved for good: ask there in the same way (RFC 9110 §15.4.9)",
        400 => "the server doesn't understand the request (RFC 9110 §15.5.1)",
        401 => "log in first; WWW-Authenticate says how (RFC 9110 §15.5.2)",
        403 => "forbidden, and logging in does not help (RFC 9110 §15.5.4)",
        404 => "nothing is there, or the server hides it (RFC 9110 §15.5.5)",
        405 => "not with that method; Allow says which (RFC 9110 §15.5.6)",
        406 => "not in any form that Accept takes (RFC 9110 §15.5.7)",
        408 => "the request took too long (RFC 9110 §15.5.9)",
        409 => "the request contradicts the current state (RFC 9110 §15.5.10)",
        410 => "it was removed, for good (RFC 9110 §15.5.11)",
        412 => "the condition in the request isn't true (RFC 9110 §15.5.13)",
        413 => "the content is too long for the server (RFC 9110 §15.5.14)",
        414 => "the target is too long for the server (RFC 9110 §15.5.15)",
        415 => "the server takes no content of that type (RFC 9110 §15.5.16)",
        416 => "there are no such bytes; Content-Range says how many there are (RFC 9110 §15.5.17)",
        418 => "unused; kept free because of a joke (RFC 9110 §15.5.19)",
        421 => "this server isn't the one for that host (RFC 9110 §15.5.20)",
        429 => "too many requests; Retry-After may say how long to wait (RFC 6585 §4)",
        431 => "the fields are too long for the server (RFC 6585 §5)",
        500 => "the server is broken (RFC 9110 §15.6.1)",
        501 => "the server doesn't know that method (RFC 9110 §15.6.2)",
        502 => "an upstream server gave no valid response (RFC 9110 §15.6.3)",
        503 => "not now; Retry-After may say when (RFC 9110 §15.6.4)",
        504 => "an upstream server did not respond in time (RFC 9110 §15.6.5)",
        505 => "the server doesn't speak that version (RFC 9110 §15.6.6)",
        _ => match status.as_u16() / 100 {
            2 => "it worked (RFC 9110 §15.3)",
            3 => "more has to be done (RFC 9110 §15.4)",
            4 => "something is wrong with the request (RFC 9110 §15.5)",
            _ => "something is wrong with the server (RFC 9110 §15.6)",
        },
    }
}

/// What a redirect means for the next request.
pub(super) fn redirect(status: u16) -> &'static str {
    match status {
        301 | 302 => "any method but POST stays; POST becomes GET, as browsers have always done it",
        303 => "with GET, whatever the method was",
        _ => "with the same method and the same content",
    }
}

/// A field of a request.
pub(super) fn request_field(name: &str) -> &'static str {
    match name.to_ascii_lowercase().as_str() {
        "host" => "which of the sites at that address (RFC 9110 §7.2)",
        "user-agent" => "the client program (RFC 9110 §10.1.5)",
        "accept" => "which types of content are welcome (RFC 9110 §12.5.1)",
        "accept-encoding" => "which codings can be undone here (RFC 9110 §12.5.3)",
        "accept-language" => "which languages are welcome (RFC 9110 §12.5.4)",
        "authorization" => "the user, and the proof: a secret, not shown (RFC 9110 §11.6.2)",
        "proxy-authorization" => {
            "the user at the proxy, and the proof: a secret (RFC 9110 §11.7.2)"
        }
        "cookie" => "cookies that the server has set: a secret (RFC 6265 §4.2)",
        "referer" => "the page that led here (RFC 9110 §10.1.3)",
        "origin" => "the site that asks (RFC 6454 §7)",
        "range" => "only these bytes (RFC 9110 §14.2)",
        "if-range" => {
            "the part only if it is of this version, otherwise the whole (RFC 9110 §13.1.5)"
        }
        "if-none-match" => "only if it isn't this version (RFC 9110 §13.1.2)",
        "if-match" => "only if it is this version (RFC 9110 §13.1.1)",
        "if-modified-since" => "only if it has changed since (RFC 9110 §13.1.3)",
        "if-unmodified-since" => "only if it hasn't changed since (RFC 9110 §13.1.4)",
        "expect" => "the content is sent once the server asks for it (RFC 9110 §10.1.1)",
        "want-repr-digest" => "send a checksum of the content (RFC 9530 §4)",
        _ => shared_field(name),
    }
}

/// A field of a response.
pub(super) fn response_field(name: &str) -> &'static str {
    match name.to_ascii_lowercase().as_str() {
        "date" => "when the response was made (RFC 9110 §6.6.1)",
        "server" => "what the server is (RFC 9110 §10.2.4)",
        "etag" => "the name of this version (RFC 9110 §8.8.3)",
        "last-modified" => "when it last changed (RFC 9110 §8.8.2)",
        "accept-ranges" => "parts of it may be asked for (RFC 9110 §14.3)",
        "content-range" => "which bytes these are, of how many (RFC 9110 §14.4)",
        "location" => "where to go (RFC 9110 §10.2.2)",
        "vary" => "with other values of these fields the response may differ (RFC 9110 §12.5.5)",
        "allow" => "the methods that work here (RFC 9110 §10.2.1)",
        "age" => "seconds that a cache has had it (RFC 9111 §5.1)",
        "expires" => "until when a cache may use it (RFC 9111 §5.3)",
        "retry-after" => "when to try again (RFC 9110 §10.2.3)",
        "set-cookie" => "a cookie for later requests: a secret (RFC 6265 §4.1)",
        "www-authenticate" => "how to log in (RFC 9110 §11.6.1)",
        "content-disposition" => "a file to be kept, and its name (RFC 6266)",
        "strict-transport-security" => "from now on only https (RFC 6797)",
        "content-security-policy" => "what the page may load and run (CSP 3)",
        "x-content-type-options" => "don't guess at the type (Fetch)",
        "x-frame-options" => "whether other pages may frame it (RFC 7034)",
        "referrer-policy" => "how much of the URL the next site is told",
        "permissions-policy" => "what the page may use of the machine",
        "access-control-allow-origin" => "which other sites may read it (Fetch)",
        // These standards are not numbered for good.
        "cross-origin-opener-policy" => "whether pages that open each other stay linked (HTML)",
        "cross-origin-resource-policy" => "which sites may embed it (Fetch)",
        "cross-origin-embedder-policy" => "what it may embed from other sites (HTML)",
        "link" => "related things (RFC 8288)",
        "repr-digest" => "a checksum of the whole representation (RFC 9530 §3)",
        "content-digest" => "a checksum of this content (RFC 9530 §2)",
        "trailer" => "fields that come after the content (RFC 9110 §6.6.2)",
        "alt-svc" => "where another protocol serves the same (RFC 7838)",
        "server-timing" => "what took how long on the server",
        _ => shared_field(name),
    }
}

/// A field of either.
fn shared_field(name: &str) -> &'static str {
    match name.to_ascii_lowercase().as_str() {
        "content-type" => "what the bytes are (RFC 9110 §8.3)",
        "content-length" => "how many bytes follow the head (RFC 9110 §8.6)",
        "content-encoding" => "how they are compressed (RFC 9110 §8.4)",
        "content-language" => "in which language (RFC 9110 §8.5)",
        "content-location" => "the URL of this representation alone (RFC 9110 §8.7)",
        "transfer-encoding" => "how the content is framed on this connection (RFC 9112 §6.1)",
        "connection" => "what becomes of the connection (RFC 9110 §7.6.1)",
        "keep-alive" => "how long it stays open; a hint from before HTTP/1.1",
        "cache-control" => "what caches may do with it (RFC 9111 §5.2)",
        "pragma" => "what caches may do with it, in HTTP/1.0 (RFC 9111 §5.4)",
        "via" => "through which servers it came (RFC 9110 §7.6.3)",
        "upgrade" => "another protocol would be welcome (RFC 9110 §7.8)",
        name if name.starts_with("x-") => "not a standard field: client and server define it",
        _ => "",
    }
}
