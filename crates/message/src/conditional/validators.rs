//! The validators of a representation (RFC 9110 §8.8).

use super::entity_tag::EntityTag;
use crate::date::HttpDate;

/// What the server knows of the selected representation, as it would send it in `ETag` and `Last-Modified`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Validators<'a> {
    /// The entity tag, if there is one.
    pub etag: Option<EntityTag<'a>>,
    /// The date of the last change, not after the present.
    pub last_modified: Option<HttpDate>,
    /// Whether the second of the last change is over, so that the date names one content.
    pub last_modified_is_strong: bool,
}

impl<'a> Validators<'a> {
    /// Validators from a tag and the time of the last change as stored, which may lie in the future or in the present second.
    pub fn new(etag: Option<EntityTag<'a>>, mtime: Option<HttpDate>, now: HttpDate) -> Self {
        Self {
            etag,
            last_modified: mtime.map(|mtime| last_modified(mtime, now)),
            last_modified_is_strong: mtime.is_some_and(|mtime| mtime < now),
        }
    }
}

/// The `Last-Modified` to send at `now`, which is the response's `Date`: never later than that (§8.8.2.1).
pub fn last_modified(mtime: HttpDate, now: HttpDate) -> HttpDate {
    mtime.min(now)
}
