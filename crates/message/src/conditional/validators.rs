//! The validators of a representation (RFC 9110 §8.8).

use super::entity_tag::EntityTag;
use crate::date::HttpDate;

/// The validators of the selected representation, as sent in `ETag` and `Last-Modified`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Validators<'a> {
    /// The entity tag; `None` without one.
    pub etag: Option<EntityTag<'a>>,
    /// The date of the last change, not later than the present; `None` if unknown.
    pub last_modified: Option<HttpDate>,
    /// Whether the second of the last change is over, so that the date identifies one content
    /// (§8.8.2.2).
    pub last_modified_is_strong: bool,
}

impl<'a> Validators<'a> {
    /// Returns validators from a tag and the stored time of the last change, which may lie in the
    /// future or in the present second.
    pub fn new(etag: Option<EntityTag<'a>>, mtime: Option<HttpDate>, now: HttpDate) -> Self {
        Self {
            etag,
            last_modified: mtime.map(|mtime| last_modified(mtime, now)),
            last_modified_is_strong: mtime.is_some_and(|mtime| mtime < now),
        }
    }
}

/// Returns the `Last-Modified` to send at `now`, the response's `Date`: never later than that
/// (§8.8.2.1).
pub fn last_modified(mtime: HttpDate, now: HttpDate) -> HttpDate {
    mtime.min(now)
}
