//! Listings of directories: a page for people, JSON for programs.
//!
//! The directory is read before the head is sent, so that a request that can't be served gets a
//! 503; the rows are rendered while they are sent. Both happen behind the [gate](super::gate), with
//! memory from the store's budget. A listing shows what would be served: hidden names, links that
//! lead nowhere or outside, pipes and devices don't appear.
//!
//! The page works without a script: column heads, archives and the filter are forms. (They are not
//! links, so that programs that mirror a site, as `wget -r` does, fetch every file once.) With a
//! script, sorting and filtering need no request. A name may contain any byte but `/` and NUL, so
//! it is encoded in URLs and escaped in HTML and JSON, and a Content-Security-Policy allows no
//! script but the page's own.
//!
//! | module | holds |
//! |---|---|
//! | `view` | what a listing shows: the rows, their order, and the README |
//! | `page` | the listing as HTML |
//! | `json` | the listing as JSON |
//! | `text` | sizes, dates and names as text |
//! | `readme` | which README is shown, and the memory for it |
//! | `markdown` | Markdown as safe HTML |
//! | `sanitize` | the HTML that a README may contain |
//! | `autolink` | URLs in text become links |

#[cfg(feature = "markdown")]
mod autolink;
mod json;
#[cfg(feature = "markdown")]
mod markdown;
mod page;
mod readme;
#[cfg(feature = "markdown")]
mod sanitize;
mod text;
mod view;

use super::content::coding;
use super::content::store::Store;
use super::failure::Failure;
use super::query::Query;
use super::root::dir_table::{DirTable, Entry};
use crate::body::{Body, Concat, Segment};
use crate::gate::GATE;
use crate::random;
use crate::request::Request;
use crate::semaphore::Permit;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap,
    HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Response};
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Instant;
use tinyhttp_message::negotiate::{Accept, AcceptEncoding, Coding};
use view::{Order, View};

/// What a listing takes of the budget besides its table, its order and its README, in bytes: a
/// generous bound on the rows that are being sent. It also bounds how many requests queue at the
/// gate, each of which holds a thread.
const WEIGHT: usize = 512 * 1024;

/// A directory to be listed.
pub(crate) struct Listing {
    pub(crate) store: Arc<Store>,
    /// The path below the root; `.` is the root itself.
    pub(crate) relative: Vec<u8>,
    pub(crate) query: Query,
}

/// A reader whose every read passes the gate.
struct Gated<R>(R);

impl<R: Read> Read for Gated<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let _pass = GATE.pass();
        self.0.read(into)
    }
}

impl Listing {
    /// The response, in the media type and the content coding that suit the client best.
    ///
    /// # Errors
    /// [`Failure::Busy`], [`Failure::TooManyFiles`], and those of reading the directory.
    pub(crate) fn respond(
        self,
        request: &Request<'_>,
        accepted: &AcceptEncoding,
    ) -> Result<Response<Body>, Failure> {
        let lines = request.headers().get_all(ACCEPT).iter();
        let forms = ["text/html", "application/json"];
        let accept = Accept::from_fields(lines.map(HeaderValue::as_bytes));
        let as_json = self.query.has("json") || accept.choose(&forms) == Some(forms[1]);
        let nonce = format!("{:016x}", random::number());
        let mut fields = HeaderMap::new();
        fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        fields.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        let content_type = if as_json {
            "application/json"
        } else {
            let policy = format!(
                "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
                 img-src 'self' data: https:; form-action 'self'; base-uri 'none'"
            );
            if let Ok(policy) = HeaderValue::try_from(policy) {
                fields.insert(CONTENT_SECURITY_POLICY, policy);
            }
            "text/html; charset=utf-8"
        };
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let body = if *request.method() == Method::HEAD {
            // The head is the same, and needs nothing to be read.
            Body::reader(io::empty(), None)
        } else {
            let mut permit = self.store.budget().take(WEIGHT).ok_or(Failure::Busy)?;
            let coding = self.coding(accepted, &mut permit);
            if let Some(coding) = coding {
                fields.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
            }
            let view = self.view(permit, as_json, request.arrived())?;
            if as_json {
                body(json::parts(view), coding)
            } else {
                body(page::parts(view, nonce), coding)
            }
        };
        let mut response = Response::new(body);
        *response.headers_mut() = fields;
        Ok(response)
    }

    /// The content coding, with its memory added to the permit; `None` for the identity coding.
    fn coding(&self, accepted: &AcceptEncoding, permit: &mut Permit) -> Option<Coding> {
        let offered = [Coding::Zstd, Coding::Gzip, Coding::Br, Coding::Identity];
        let compresses = self.store.options().compress;
        let coding = accepted.choose(&offered);
        coding.filter(|coding| {
            *coding != Coding::Identity
                && compresses
                && permit.grow_to(permit.units() + coding::weight(*coding))
        })
    }

    /// Reads everything that the listing shows.
    fn view(self, mut permit: Permit, as_json: bool, arrived: Instant) -> Result<View, Failure> {
        let pass = GATE.admit().ok_or(Failure::Busy)?;
        let table = self.store.table(&self.relative, arrived, &pass)?;
        let shown = self.shown(&table, &mut permit)?;
        let mut view = View {
            relative: self.relative,
            query: self.query,
            offers_archives: self.store.options().archives,
            table,
            shown,
            readme: String::new(),
            permit,
        };
        if !as_json {
            view.readme = readme::render(&self.store, &mut view, &pass)?;
        }
        Ok(view)
    }

    /// The positions of the entries that are shown, in order; `None` for all in the table's order.
    fn shown(&self, table: &DirTable, permit: &mut Permit) -> Result<Option<Vec<u32>>, Failure> {
        let order = Order::of(&self.query);
        let filter = self
            .query
            .value("filter")
            .unwrap_or_default()
            .to_lowercase();
        if order == Order::default() && filter.is_empty() {
            return Ok(None);
        }
        if !permit.grow_to(permit.units() + table.len() * size_of::<u32>()) {
            return Err(Failure::Busy);
        }
        let mut shown: Vec<u32> = Vec::with_capacity(table.len());
        shown.extend(0..u32::try_from(table.len()).unwrap_or(u32::MAX));
        if !filter.is_empty() {
            let passes = |entry: Entry<'_>| entry.text().to_lowercase().contains(&filter);
            shown.retain(|at| passes(table.entry(*at as usize)));
        }
        shown.sort_unstable_by(|a, b| {
            order.compare(&table.entry(*a as usize), &table.entry(*b as usize))
        });
        Ok(Some(shown))
    }
}

/// A body of parts that are rendered while it is sent.
fn body(parts: impl Iterator<Item = String> + Send + 'static, coding: Option<Coding>) -> Body {
    let content = Concat::new(parts.map(|part| Ok(Segment::Bytes(part.into()))));
    match coding {
        Some(coding) => Body::reader(Gated(coding::compress(content, coding)), None),
        None => Body::reader(Gated(content), None),
    }
}
