//! What a handler takes out of a request's head: parameters of its path, its query, cookies and
//! credentials.

#[cfg(feature = "credentials")]
use crate::basic::Basic;
use crate::cookie::named;
use crate::error::Error;
use crate::form::Form;
use crate::request::Request;
use http::StatusCode;
use std::fmt::Display;
use std::str::FromStr;

impl Request<'_> {
    /// A parameter of the route's pattern, percent-decoded, as a value of type `T`: text, a number,
    /// or whatever is read from text.
    ///
    /// ```
    /// use tinyhttp_server::{Error, Request, Router};
    ///
    /// let app = Router::new().get("/notes/{id}/{title}", |request: Request| {
    ///     let (id, title): (u32, String) = (request.param("id")?, request.param("title")?);
    ///     Ok::<_, Error>(format!("{id}: {title}"))
    /// });
    /// assert_eq!(app.call(Request::get("/notes/7/a%2Fb%20c")).into_text()?, "7: a/b c");
    /// assert_eq!(app.call(Request::get("/notes/seven/x")).status(), 400);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// 400 if the value is no UTF-8 or no `T`; 500 if the pattern has no such parameter.
    pub fn param<T: FromStr>(&self, name: &str) -> Result<T, Error>
    where
        T::Err: Display,
    {
        let missing = || Error::internal(format!("the route has no parameter {name:?}"));
        let value = self.param_bytes(name).ok_or_else(missing)?;
        let malformed = |cause: String| {
            let explanation = format!("The part {name:?} of the path is malformed: {cause}.");
            Error::new(StatusCode::BAD_REQUEST, explanation)
        };
        let text =
            std::str::from_utf8(value).map_err(|_| malformed("it is not UTF-8".to_owned()))?;
        text.parse()
            .map_err(|error: T::Err| malformed(error.to_string()))
    }

    /// A parameter of the route's pattern, percent-decoded; `None` if there is none of that name.
    /// Of several with the same name, in a router and in those mounted in it, the innermost counts.
    #[must_use]
    pub fn param_bytes(&self, name: &str) -> Option<&[u8]> {
        let params = &self.routing()?.params;
        let (_, value) = params.iter().rev().find(|(known, _)| **known == *name)?;
        Some(value)
    }

    /// The normal path below the prefix of [`Router::mount`](crate::Router::mount), with the slash
    /// that it begins with; empty if the path is the prefix. Elsewhere it is the whole path.
    ///
    /// # Errors
    /// 400 if the path is malformed.
    pub fn path_below(&self) -> Result<&[u8], Error> {
        let malformed = |_| Error::new(StatusCode::BAD_REQUEST, "The path is malformed.");
        let path = self.normal_path().map_err(malformed)?;
        Ok(&path.as_bytes()[self.below()..])
    }

    /// The names and values of the query, decoded. Without a query, or if it is not made of UTF-8
    /// pairs, there are none.
    #[must_use]
    pub fn query_form(&self) -> Form {
        let query = self.query().unwrap_or_default();
        Form::parse(query.as_bytes()).unwrap_or_default()
    }

    /// The first value of this name in the query, as a value of type `T`.
    ///
    /// # Errors
    /// 400 if it is missing or no `T`. Where it may be missing, use
    /// [`query_form`](Self::query_form).
    pub fn query_value<T: FromStr>(&self, name: &str) -> Result<T, Error>
    where
        T::Err: Display,
    {
        let bad = |explanation| Error::new(StatusCode::BAD_REQUEST, explanation);
        let form = self.query_form();
        let value = form.get(name);
        let value = value.ok_or_else(|| bad(format!("The query has no {name:?}.")))?;
        let malformed = |error| bad(format!("{name:?} in the query is malformed: {error}."));
        value.parse().map_err(malformed)
    }

    /// The value of the first cookie of this name (RFC 6265 §5.4), without the quotes around it.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let lines = self.field_values("cookie");
        lines.filter_map(|line| named(line, name)).next()
    }

    /// The token of `Authorization: Bearer` (RFC 6750 §2.1). It is a secret: compare it in constant
    /// time, or look up its hash.
    ///
    /// ```
    /// use tinyhttp_server::Request;
    ///
    /// let request = Request::get("/").with_header("authorization", "Bearer abc.def");
    /// assert_eq!(request.bearer_token(), Some("abc.def"));
    /// ```
    #[must_use]
    pub fn bearer_token(&self) -> Option<&str> {
        let (scheme, token) = self.authorization()?.split_at_checked(b"Bearer ".len())?;
        if !scheme.eq_ignore_ascii_case(b"Bearer ") {
            return None;
        }
        let token = std::str::from_utf8(token).ok()?.trim_ascii();
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        (!token.is_empty() && token.bytes().all(is_token)).then_some(token)
    }

    /// The name and the password of `Authorization: Basic` (RFC 7617). Check passwords that users
    /// choose with `middleware::Auth` (feature `auth`), which hashes slowly and throttles guesses.
    ///
    /// ```
    /// use tinyhttp_server::Request;
    ///
    /// let request = Request::get("/").with_header("authorization", "Basic YW5uOng=");
    /// assert_eq!(request.basic_credentials(), Some(("ann".to_owned(), "x".to_owned())));
    /// ```
    #[cfg(feature = "credentials")]
    #[must_use]
    pub fn basic_credentials(&self) -> Option<(String, String)> {
        let basic = Basic::parse(self.authorization()?)?;
        let text = |bytes| String::from_utf8(bytes).ok();
        Some((text(basic.name)?, text(basic.password)?))
    }

    /// The Authorization field. `None` if there are several.
    pub(crate) fn authorization(&self) -> Option<&[u8]> {
        let mut lines = self.field_values("authorization");
        lines.next().filter(|_| lines.next().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_of_one_scheme() {
        let table = [
            ("Bearer abc.def-1=", Some("abc.def-1=")),
            ("bearer  x", Some("x")),
            ("Bearer", None),
            ("Bearer a b", None),
            ("Bearer \"x\"", None),
            ("Basic eDp5", None),
        ];
        for (value, token) in table {
            let request = Request::get("/").with_header("authorization", value);
            assert_eq!(request.bearer_token(), token, "{value}");
        }
        let twice = Request::get("/")
            .with_header("authorization", "Bearer a")
            .with_header("authorization", "Bearer b");
        assert_eq!(twice.bearer_token(), None);
        #[cfg(feature = "credentials")]
        {
            let request = Request::get("/").with_header("authorization", "basic eDp5OnrDpA==");
            let (name, password) = request.basic_credentials().unwrap();
            assert_eq!((&*name, &*password), ("x", "y:zä"));
        }
    }

    #[test]
    fn a_query_and_its_values() {
        let request = Request::get("/?a=1&b=x+y&a=2");
        assert_eq!(request.query_value::<u8>("a").unwrap(), 1);
        assert_eq!(request.query_value::<String>("b").unwrap(), "x y");
        for name in ["b", "c"] {
            let error = request.query_value::<u8>(name).unwrap_err();
            assert_eq!(error.status(), 400);
        }
        assert_eq!(Request::get("/").query_form(), Form::default());
    }

    #[test]
    fn cookies_are_found_by_name() {
        let request = Request::get("/")
            .with_header("cookie", "a=1; b=\"2\"; bad; a=3")
            .with_header("cookie", "c=x=y");
        let found = ["a", "b", "c", "d", "bad"].map(|name| request.cookie(name));
        assert_eq!(found, [Some("1"), Some("2"), Some("x=y"), None, None]);
    }
}
