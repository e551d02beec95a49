//! `-e`: the URL that led to the request; with `;auto` behind it, redirects set the field anew.

use crate::get::args::RequestArgs;
use std::os::unix::ffi::OsStrExt;

const AUTOMATIC: &[u8] = b";auto";

/// The value of Referer in the first request.
pub(super) fn first(args: &RequestArgs) -> Option<&[u8]> {
    let given = args.referer.as_ref()?.as_bytes();
    let url = given.strip_suffix(AUTOMATIC).unwrap_or(given);
    Some(url).filter(|url| !url.is_empty())
}

/// Whether a request that follows a redirect names the URL that led there.
pub(in crate::get) fn is_automatic(args: &RequestArgs) -> bool {
    let given = args.referer.as_ref();
    given.is_some_and(|given| given.as_bytes().ends_with(AUTOMATIC))
}
