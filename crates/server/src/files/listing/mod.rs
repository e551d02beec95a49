//! What is in a folder: as a page for people, as JSON for programs.
//!
//! The folder is read when the content is asked for, not before, because that may take a while; then row after row is
//! made while the last one is sent. What is listed is what would be served: hidden names, links that lead nowhere or
//! outside, pipes and devices don't appear.
//!
//! The page works without a script: the columns' heads are links (`?sort=size&order=desc`), the filter is a form
//! (`?filter=text`). With one, nothing has to be loaded again. A name may be anything but `/` and NUL, so it is encoded
//! in URLs and escaped in HTML and JSON, and a Content-Security-Policy lets nothing run but the page's own script.

mod json;
mod page;
mod readme;

use super::coding;
use super::folder::{self, Entry, by_name};
use super::pieces::{Piece, Pieces};
use super::query::Query;
use super::store::Store;
use crate::body::Body;
use http::Response;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap,
    HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS,
};
use std::cmp::Ordering;
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::sync::Arc;
use tinyhttp_message::negotiate::{Accept, AcceptEncoding, Coding};

/// How many entries are written at once.
const ROWS: usize = 256;

/// A folder that is to be listed.
pub(crate) struct Listing {
    pub(crate) store: Arc<Store>,
    pub(crate) folder: File,
    /// From the root; `.` is the root itself.
    pub(crate) relative: Vec<u8>,
    pub(crate) query: Query,
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

    /// Puts folders first; then by column, and by name where that doesn't decide.
    fn sort(self, entries: &mut [Entry]) {
        entries.sort_unstable_by(|a, b| {
            let by_column = match self.by {
                Column::Name => Ordering::Equal,
                Column::Size => a.length().cmp(&b.length()),
                Column::Modified => a.modified().cmp(&b.modified()),
            };
            let ordering = by_column.then_with(|| by_name(&a.name, &b.name));
            let ordering = if self.descending {
                ordering.reverse()
            } else {
                ordering
            };
            b.is_folder.cmp(&a.is_folder).then(ordering)
        });
    }
}

impl Listing {
    /// The response, in the form and the coding that suit the client best.
    pub(crate) fn respond(self, fields: &HeaderMap, accepted: &AcceptEncoding) -> Response<Body> {
        let lines = fields.get_all(ACCEPT).iter().map(HeaderValue::as_bytes);
        let forms = ["text/html", "application/json"];
        let as_json =
            self.query.has("json") || Accept::from_fields(lines).choose(&forms) == Some(forms[1]);
        let nonce = format!("{:016x}", RandomState::new().build_hasher().finish());
        let mut described = HeaderMap::new();
        described.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        described.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        described.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        let (content_type, body) = if as_json {
            (
                "application/json",
                self.body(|_, entries| json::parts(entries), accepted, &mut described),
            )
        } else {
            let policy = format!(
                "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data: https:; \
                 form-action 'self'; base-uri 'none'"
            );
            if let Ok(policy) = HeaderValue::try_from(policy) {
                described.insert(CONTENT_SECURITY_POLICY, policy);
            }
            let parts = move |listing: &Listing, entries| page::parts(listing, entries, &nonce);
            (
                "text/html; charset=utf-8",
                self.body(parts, accepted, &mut described),
            )
        };
        described.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let mut response = Response::new(body);
        *response.headers_mut() = described;
        response
    }

    /// The content: what `parts` makes of the entries, once somebody reads it.
    fn body<P>(
        self,
        parts: impl FnOnce(&Listing, Vec<Entry>) -> P + Send + 'static,
        accepted: &AcceptEncoding,
        described: &mut HeaderMap,
    ) -> Body
    where
        P: Iterator<Item = String> + Send + 'static,
    {
        let compresses = self.store.options().compress;
        let offered = [Coding::Zstd, Coding::Gzip, Coding::Br, Coding::Identity];
        let coding = accepted.choose(&offered);
        let coding = coding.filter(|coding| compresses && *coding != Coding::Identity);
        let slot = coding.and_then(|_| self.store.compressors().take());
        let coding = coding.filter(|_| slot.is_some());
        let (mut begin, mut parts_left) = (Some((self, parts)), None);
        let pieces = std::iter::from_fn(move || {
            // Held as long as somebody reads.
            let _ = &slot;
            if let Some((listing, parts)) = begin.take() {
                match listing.entries() {
                    Ok(entries) => parts_left = Some(parts(&listing, entries)),
                    Err(error) => return Some(Err(error)),
                }
            }
            let part = parts_left.as_mut()?.next()?;
            Some(Ok(Piece::Bytes(part.into())))
        });
        let content = Pieces::new(pieces);
        match coding {
            Some(coding) => {
                described.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
                Body::reader(coding::compress(content, coding), None)
            }
            None => Body::reader(content, None),
        }
    }

    /// The entries that pass the filter, in order.
    fn entries(&self) -> io::Result<Vec<Entry>> {
        let mut entries = folder::read(&self.store, &self.folder, &self.relative)?;
        if let Some(filter) = self.query.value("filter") {
            let filter = filter.to_lowercase();
            entries.retain(|entry| entry.text().to_lowercase().contains(&filter));
        }
        Order::of(&self.query).sort(&mut entries);
        Ok(entries)
    }
}
