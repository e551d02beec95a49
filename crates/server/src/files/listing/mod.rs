//! What is in a folder: as a page for people, as JSON for programs.
//!
//! The directory is read before the head is sent, so that a request that can't be served gets a 503; the rows are made while
//! they are sent. Both happen behind the [gate](crate::files::gate), with memory from the [budget](super::budget). What is listed is
//! what would be served: hidden names, links that lead nowhere or outside, pipes and devices don't appear.
//!
//! The page works without a script: the columns' heads and the archives are buttons of forms, the filter is one too. (They
//! are not links, so that programs that mirror a site, as `wget -r` does, fetch every file once.) With a script, nothing has
//! to be loaded again. A name may be anything but `/` and NUL, so it is encoded in URLs and escaped in HTML and JSON, and a
//! Content-Security-Policy lets nothing run but the page's own script.

#[cfg(feature = "markdown")]
mod autolink;
mod json;
mod markdown;
mod page;
mod readme;
mod text;

use crate::body::Body;
use crate::body::{Concat, Segment};
use crate::files::content::coding;
use crate::files::content::store::Store;
use crate::files::dir::by_name;
use crate::files::failure::Failure;
use crate::files::gate::GATE;
use crate::files::query::Query;
use crate::files::root::dir_table::{DirTable, Entry};
use crate::semaphore::Permit;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap,
    HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Request, Response};
use std::cmp::Ordering;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Instant;
use tinyhttp_message::negotiate::{Accept, AcceptEncoding, Coding};

/// What a listing takes of the budget besides its table, its order and its README, in bytes: rows that are being sent,
/// generously. It also bounds how many requests queue at the gate, each with a thread.
const WEIGHT: usize = 512 * 1024;

/// How many entries are written at once.
const ROWS: usize = 256;

/// A folder that is to be listed.
pub(crate) struct Listing {
    pub(crate) store: Arc<Store>,
    /// From the root; `.` is the root itself.
    pub(crate) relative: Vec<u8>,
    pub(crate) query: Query,
}

/// What a listing shows.
struct View {
    /// From the root; `.` is the root itself.
    relative: Vec<u8>,
    query: Query,
    offers_archives: bool,
    table: Arc<DirTable>,
    /// The entries that pass the filter, in order: places in the table. `None`: all of them, in the table's order.
    shown: Option<Vec<u32>>,
    /// The README, as a part of the page.
    readme: String,
    permit: Permit,
}

impl View {
    fn len(&self) -> usize {
        self.shown.as_ref().map_or(self.table.len(), Vec::len)
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.rows(0, self.len())
    }

    /// Some of the entries, from the first place on.
    fn rows(&self, first: usize, count: usize) -> impl Iterator<Item = Entry<'_>> {
        let end = self.len().min(first.saturating_add(count));
        (first..end).map(|at| self.entry(at))
    }

    fn entry(&self, at: usize) -> Entry<'_> {
        let place = self.shown.as_ref().map_or(at, |shown| shown[at] as usize);
        self.table.entry(place)
    }
}

/// The order of the entries. Folders come first in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Order {
    by: Column,
    descending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Column {
    #[default]
    Name,
    Size,
    Modified,
}

impl Column {
    const ALL: [Column; 3] = [Column::Name, Column::Size, Column::Modified];

    fn name(self) -> &'static str {
        match self {
            Column::Name => "name",
            Column::Size => "size",
            Column::Modified => "modified",
        }
    }
}

impl Order {
    fn of(query: &Query) -> Self {
        let sort = query.value("sort");
        let by = Column::ALL
            .into_iter()
            .find(|column| sort.as_deref() == Some(column.name()));
        Order {
            by: by.unwrap_or_default(),
            descending: query.value("order").as_deref() == Some("desc"),
        }
    }

    /// Puts directories first; then by column, and by name where that doesn't decide.
    fn compare(self, a: &Entry<'_>, b: &Entry<'_>) -> Ordering {
        let by_column = match self.by {
            Column::Name => Ordering::Equal,
            Column::Size => a.length.cmp(&b.length),
            Column::Modified => a.modified.cmp(&b.modified),
        };
        let ordering = by_column.then_with(|| by_name(a.name, b.name));
        let ordering = if self.descending {
            ordering.reverse()
        } else {
            ordering
        };
        b.is_dir.cmp(&a.is_dir).then(ordering)
    }

    /// The query that asks for this order; empty for the one that comes without asking.
    fn query(self) -> String {
        if self == Order::default() {
            return String::new();
        }
        let direction = if self.descending { "desc" } else { "asc" };
        format!("?sort={}&order={direction}", self.by.name())
    }
}

/// Reads behind the gate.
struct Gated<R>(R);

impl<R: Read> Read for Gated<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let _pass = GATE.pass();
        self.0.read(into)
    }
}

impl Listing {
    /// The response, in the form and the coding that suit the client best.
    ///
    /// # Errors
    /// [`Failure::Busy`], [`Failure::TooManyFiles`], and whatever keeps the directory from being read.
    pub(crate) fn respond(
        self,
        request: &Request<Body>,
        accepted: &AcceptEncoding,
        arrived: Instant,
    ) -> Result<Response<Body>, Failure> {
        let lines = request.headers().get_all(ACCEPT).iter();
        let forms = ["text/html", "application/json"];
        let accept = Accept::from_fields(lines.map(HeaderValue::as_bytes));
        let as_json = self.query.has("json") || accept.choose(&forms) == Some(forms[1]);
        let nonce = format!("{:016x}", RandomState::new().build_hasher().finish());
        let mut described = HeaderMap::new();
        described.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        described.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        described.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        let content_type = if as_json {
            "application/json"
        } else {
            let policy = format!(
                "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data: https:; \
                 form-action 'self'; base-uri 'none'"
            );
            if let Ok(policy) = HeaderValue::try_from(policy) {
                described.insert(CONTENT_SECURITY_POLICY, policy);
            }
            "text/html; charset=utf-8"
        };
        described.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let body = if *request.method() == Method::HEAD {
            // The head is the same, and nothing has to be read for it.
            Body::reader(io::empty(), None)
        } else {
            let mut permit = self.store.budget().take(WEIGHT).ok_or(Failure::Busy)?;
            let coding = self.coding(accepted, &mut permit);
            if let Some(coding) = coding {
                described.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
            }
            let view = self.view(permit, as_json, arrived)?;
            if as_json {
                body(json::parts(view), coding)
            } else {
                body(page::parts(view, nonce), coding)
            }
        };
        let mut response = Response::new(body);
        *response.headers_mut() = described;
        Ok(response)
    }

    /// The content coding, paid for; `None` for content as it is.
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

    /// What the listing shows, with everything read.
    fn view(self, mut permit: Permit, as_json: bool, arrived: Instant) -> Result<View, Failure> {
        let pass = GATE.admit().ok_or(Failure::Busy)?;
        let tables = self.store.tables();
        let table = tables.get(&self.store, &self.relative, arrived, &pass)?;
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

    /// Which entries are shown, and in which order.
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

/// The parts of a document as content, made while it is sent.
fn body(parts: impl Iterator<Item = String> + Send + 'static, coding: Option<Coding>) -> Body {
    let content = Concat::new(parts.map(|part| Ok(Segment::Bytes(part.into()))));
    match coding {
        Some(coding) => Body::reader(Gated(coding::compress(content, coding)), None),
        None => Body::reader(Gated(content), None),
    }
}
