//! Early hints: what a client can fetch while the handler computes its response (RFC 8297).

use super::{Hints, Request};
use crate::error::Error;
use http::{HeaderMap, HeaderName, HeaderValue};
use tinyhttp_message::connection::is_hint;

impl Request<'_> {
    /// Sends `103 Early Hints` with fields that the response will probably have (RFC 8297), so that
    /// the client acts on them while the handler computes the response: browsers fetch what Link
    /// names.
    ///
    /// A handler that [blocks](crate::Reply::Blocking) sends them at once; those of another one
    /// arrive with its response. A client of HTTP/1.0, which has no interim responses, gets none,
    /// and so does a request that was not received. Each request can have 16 of them, with 16 KiB
    /// in all: further ones are dropped, and so are those that come after the response.
    ///
    /// ```
    /// use tinyhttp_server::{Error, Request, Response, Router};
    ///
    /// let app = Router::new().get("/", |request: Request| {
    ///     request.early_hints([("link", "</style.css>; rel=preload; as=style")])?;
    ///     let page = "<link rel=stylesheet href=/style.css>…"; // computed slowly
    ///     Ok::<_, Error>(Response::html(page))
    /// });
    /// assert_eq!(app.call(Request::get("/")).status(), 200);
    /// ```
    ///
    /// # Errors
    /// A 500 for an invalid name or value, and for a field that is about the connection or the
    /// length of the content. Nothing is sent then.
    pub fn early_hints<N, V>(&self, fields: impl IntoIterator<Item = (N, V)>) -> Result<(), Error>
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            let invalid = |what| Error::internal(format!("the {what} of an early hint is invalid"));
            let name = name.try_into().map_err(|_| invalid("name"))?;
            let value = value.try_into().map_err(|_| invalid("value"))?;
            if !is_hint(&name) {
                return Err(Error::internal(format!("{name} can't be an early hint")));
            }
            map.append(name, value);
        }
        match &self.hints {
            Some(Hints::Lent(hints)) => hints.send_hints(&map),
            Some(Hints::Shared(hints)) => hints.send_hints(&map),
            None => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_fields_are_hints() {
        let table = [
            ("link", "</a>; rel=preload", true),
            ("x-own", "", true),
            ("link", "</a>\r\nset-cookie: a=b", false),
            ("li nk", "</a>", false),
            ("", "</a>", false),
            ("content-length", "3", false),
            ("Connection", "close", false),
            ("transfer-encoding", "chunked", false),
            ("upgrade", "h2c", false),
        ];
        for (name, value, is_valid) in table {
            let hinted = Request::get("/").early_hints([(name, value)]);
            assert_eq!(hinted.is_ok(), is_valid, "{name}: {value:?}");
        }
        let mut map = HeaderMap::new();
        map.insert("link", HeaderValue::from_static("</a>"));
        Request::get("/").early_hints(&map).unwrap();
    }
}
