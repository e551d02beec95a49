//! From the flags to a request: method, target, fields, content.

use super::conditions;
use super::content::Content;
use super::data::{self, Data};
use super::fields::Fields;
use super::multipart::Form;
use super::{range, referer, secrets};
use crate::failure::Failure;
use crate::get::args::bytes::{self, UNRESERVED, percent_encoded, quoted, split_once};
use crate::get::args::{Args, Target};
use crate::get::failure::read_failure;
use crate::get::output::progress::Bar;
use http::{Method, Version};
use percent_encoding::{AsciiSet, CONTROLS, percent_encode, utf8_percent_encode};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use tinyhttp_client::{Client, RequestBuilder};
use url::Url;

/// Content beyond this waits for `100 Continue`, as in curl: it may be for nothing.
const WORTH_ASKING: u64 = 1024 * 1024;

/// A request that can be made, as often as need be.
#[derive(Debug, Clone)]
pub(in crate::get) struct RequestSpec {
    pub(in crate::get) method: Method,
    pub(in crate::get) url: Url,
    /// The zone of the URL's address.
    zone: Option<String>,
    target: RequestTarget,
    pub(in crate::get) version: Version,
    pub(in crate::get) fields: Fields,
    pub(in crate::get) content: Content,
    in_chunks: bool,
    close: bool,
    expect: Option<bool>,
}

/// What is written on the request line.
#[derive(Debug, Clone)]
enum RequestTarget {
    OfUrl,
    /// `--path-as-is`: a path and query.
    Path(String),
    /// `--request-target`: any text.
    Verbatim(String),
}

impl RequestSpec {
    /// The request that the flags ask for.
    pub(in crate::get) fn new(args: &Args, url: &Url, target: &Target) -> Result<Self, Failure> {
        let request = &args.request;
        let mut url = url.clone();
        let data = data::collect(&request.data.0)?;
        // In curl's order.
        let mut fields = Fields::default();
        if let Some(value) = secrets::authorization(request, &url)? {
            fields.set("Authorization", value);
        }
        let mut typed = Fields::default();
        let upload = target.upload.as_deref();
        let content = content(args, upload, data, &mut url, &mut typed)?;
        if let Some((name, value)) = range::field(args, &content)? {
            fields.set(name, value);
        }
        let agent = OsStr::new(concat!("tinyhttp/", env!("CARGO_PKG_VERSION")));
        let agent = request.user_agent.as_deref().unwrap_or(agent);
        // An empty one means none, as with curl.
        if !agent.is_empty() {
            fields.set("User-Agent", agent.as_bytes());
        }
        fields.set("Accept", "*/*");
        if let Some(referer) = referer::first(request) {
            fields.set("Referer", referer);
        }
        #[cfg(feature = "cookies")]
        for cookie in request.cookie.iter().map(|cookie| cookie.as_bytes()) {
            if cookie.contains(&b'=') {
                fields.append("Cookie", cookie);
            }
        }
        conditions::state(args, &mut fields)?;
        // With --json, fields of -H come first, as with curl.
        let is_json = typed.get("Accept").is_some();
        if is_json {
            fields.remove("Accept");
        } else {
            fields.set_all(&typed);
        }
        let mut spec = RequestSpec {
            method: method(args, &content)?,
            target: request_target(args, &url, &target.url),
            url,
            zone: None,
            version: if request.http1_0 {
                Version::HTTP_10
            } else {
                Version::HTTP_11
            },
            fields,
            content,
            in_chunks: false,
            close: false,
            expect: None,
        };
        for line in &request.header {
            match line.as_bytes().strip_prefix(b"@") {
                Some(path) => spec.add_lines_of(bytes::path(path))?,
                None => spec.add_line(line.as_bytes())?,
            }
        }
        if is_json {
            spec.fields.set_all(&typed);
        }
        Ok(spec)
    }

    /// Adds the fields in a file, one on each line; - is standard input.
    fn add_lines_of(&mut self, path: &Path) -> Result<(), Failure> {
        let read = match path.to_str() {
            Some("-") => std::io::read_to_string(std::io::stdin()).map(String::into_bytes),
            _ => std::fs::read(path),
        };
        let text = read.map_err(|error| read_failure(path, &error))?;
        let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        lines
            .filter(|line| !line.is_empty())
            .try_for_each(|line| self.add_line(line))
    }

    /// The same request to an address in that zone.
    pub(in crate::get) fn in_zone(mut self, zone: Option<String>) -> Self {
        self.zone = zone;
        self
    }

    /// Adds a field of -H. Fields that determine how the message is framed are settings here,
    /// not text: what is written has to match what is done.
    fn add_line(&mut self, line: &[u8]) -> Result<(), Failure> {
        let usage = |what: &str, hint: &str| {
            Failure::with_code(2, format!("-H {} {what}", quoted(line))).hint(hint)
        };
        let not_a_field = || usage("is not a field", "write it as 'Name: value'");
        let (name, value) = match split_once(line, b':') {
            Some((name, value)) => {
                let value = value.trim_ascii();
                (name, Some(value).filter(|value| !value.is_empty()))
            }
            None => match line.strip_suffix(b";") {
                Some(name) => (name, Some(&b""[..])),
                None => return Err(not_a_field()),
            },
        };
        let name = std::str::from_utf8(name).map_err(|_| not_a_field())?;
        let is = |other: &str| value.is_some_and(|v| v.eq_ignore_ascii_case(other.as_bytes()));
        match name.to_ascii_lowercase().as_str() {
            "transfer-encoding" if is("chunked") => self.in_chunks = true,
            "connection" if is("close") => self.close = true,
            "connection" if is("keep-alive") || value.is_none() => {}
            "expect" if is("100-continue") => self.expect = Some(true),
            "expect" if value.is_none() => self.expect = Some(false),
            "content-length" | "transfer-encoding" | "connection" | "expect" => {
                let hint = "tinyhttp writes that field itself";
                return Err(usage("would not match what is sent", hint));
            }
            // A type of the user's own still needs what separates the parts.
            "content-type" if self.form_needs_boundary(value) => {
                self.fields.remove_default(name);
                if let (Some(value), Content::Form(form)) = (value, &self.content) {
                    let boundary = format!("; boundary={}", form.boundary());
                    let value = [value, boundary.as_bytes()].concat();
                    self.fields.append(name, &value);
                }
            }
            // A request has one (RFC 9112 §3.2), and the first is meant, as with curl.
            "host" if self.fields.get("Host").is_some() => {}
            _ => {
                self.fields.remove_default(name);
                if let Some(value) = value {
                    self.fields.append(name, value);
                }
            }
        }
        Ok(())
    }

    /// Whether a Content-Type is that of parts and doesn't say what separates them.
    fn form_needs_boundary(&self, content_type: Option<&[u8]>) -> bool {
        let content_type = String::from_utf8_lossy(content_type.unwrap_or_default());
        let content_type = content_type.to_ascii_lowercase();
        matches!(self.content, Content::Form(_))
            && content_type.starts_with("multipart/")
            && !content_type.contains("boundary=")
    }

    /// The request itself.
    pub(in crate::get) fn request(
        &self,
        client: &Client,
        bar: &Bar,
    ) -> Result<RequestBuilder, Failure> {
        let mut request = client
            .request(self.method.clone(), self.url.as_str())
            .version(self.version);
        if let Some(zone) = &self.zone {
            request = request.zone(zone.clone());
        }
        request = match &self.target {
            RequestTarget::OfUrl => request,
            RequestTarget::Path(path) => request.path(path.clone()),
            RequestTarget::Verbatim(target) => request.target(target.clone()),
        };
        for (name, value) in self.fields.iter() {
            request = request.field(name, value);
        }
        if self.close {
            request = request.close();
        }
        let body = self.content.body(self.in_chunks)?;
        let length = body.length();
        let is_large = self
            .content
            .length()
            .or(length)
            .is_none_or(|length| length > WORTH_ASKING);
        if self.expect.unwrap_or(is_large) && self.version == Version::HTTP_11 {
            request = request.expect_continue();
        }
        Ok(match &self.content {
            Content::None => request,
            _ if bar.is_shown() => {
                let bar = bar.clone();
                bar.expect(length, 0);
                request.body(body.watched(move |sent| bar.set(sent)))
            }
            _ => request.body(body),
        })
    }

    /// Whether it asks for a whole file, so that the rest of one can be asked for instead.
    pub(in crate::get) fn is_plain_get(&self) -> bool {
        self.method == Method::GET
            && matches!(self.content, Content::None)
            && self.fields.get("Range").is_none()
    }

    /// Whether making it twice changes nothing on the server (RFC 9110 §9.2.1).
    pub(in crate::get) fn is_safe(&self) -> bool {
        self.is_empty() && [Method::GET, Method::HEAD, Method::OPTIONS].contains(&self.method)
    }

    /// Whether it has no content.
    pub(in crate::get) fn is_empty(&self) -> bool {
        matches!(self.content, Content::None)
    }

    /// Whether it sends a file.
    pub(in crate::get) fn is_upload(&self) -> bool {
        match &self.content {
            Content::None => false,
            Content::Bytes(bytes) => bytes.len() as u64 > WORTH_ASKING,
            Content::Form(_) | Content::File { .. } | Content::Stdin => true,
        }
    }

    /// Whether it can be made a second time.
    pub(in crate::get) fn is_repeatable(&self) -> bool {
        self.content.is_repeatable()
    }
}

fn method(args: &Args, content: &Content) -> Result<Method, Failure> {
    Ok(match &args.request.request {
        Some(method) => Method::from_bytes(method.as_bytes())
            .map_err(|_| Failure::with_code(2, format!("{method:?} is not a method")))?,
        None if args.output.head => Method::HEAD,
        None => match content {
            Content::None => Method::GET,
            Content::Bytes(_) | Content::Form(_) => Method::POST,
            Content::File { .. } | Content::Stdin => Method::PUT,
        },
    })
}

fn content(
    args: &Args,
    upload: Option<&Path>,
    data: Option<Data>,
    url: &mut Url,
    fields: &mut Fields,
) -> Result<Content, Failure> {
    if let Some(path) = upload {
        // curl has a dot for input that is read without waiting, which it is anyway.
        if path == Path::new("-") || path == Path::new(".") {
            return Ok(Content::Stdin);
        }
        // A folder gets the file under its own name.
        let is_folder = url.path().ends_with('/') && url.query().is_none();
        if let (true, Some(name)) = (is_folder, path.file_name()) {
            let name = percent_encode(name.as_bytes(), &UNRESERVED);
            let path = format!("{}{name}", url.path());
            url.set_path(&path);
        }
        let (path, offset) = (path.to_owned(), range::upload_offset(args)?);
        return Ok(Content::File { path, offset });
    }
    if !args.request.form.0.is_empty() {
        let form = Form::new(&args.request.form.0)?;
        fields.set("Content-Type", form.content_type());
        return Ok(Content::Form(form));
    }
    match data {
        None => Ok(Content::None),
        Some(data) if args.request.get => {
            let text = percent_encoded(&data.bytes);
            let query = match url.query() {
                Some(query) if !query.is_empty() => format!("{query}&{text}"),
                _ => text,
            };
            url.set_query(Some(&query));
            Ok(Content::None)
        }
        Some(data) => {
            if data.is_json {
                fields.set("Content-Type", "application/json");
                fields.set("Accept", "application/json");
            } else {
                fields.set("Content-Type", "application/x-www-form-urlencoded");
            }
            Ok(Content::Bytes(data.bytes))
        }
    }
}

/// The request target, if it is not that of the URL.
fn request_target(args: &Args, url: &Url, original: &str) -> RequestTarget {
    if let Some(target) = &args.request.request_target {
        return RequestTarget::Verbatim(percent_encoded(target.as_bytes()));
    }
    let path = args.request.path_as_is.then(|| path_as_is(url, original));
    path.flatten()
        .map_or(RequestTarget::OfUrl, RequestTarget::Path)
}

/// The path and query as they were given; `None` for a URL without a path.
fn path_as_is(url: &Url, original: &str) -> Option<String> {
    let rest = super::address::after_scheme(original);
    let path = &rest[rest.find('/')?..];
    let path = path.split(['?', '#']).next().unwrap_or(path);
    // Only dots are meant to stay; what can't stand in a request line still can't.
    const UNSENDABLE: AsciiSet = CONTROLS.add(b' ');
    let path = utf8_percent_encode(path, &UNSENDABLE);
    Some(match url.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_string(),
    })
}
