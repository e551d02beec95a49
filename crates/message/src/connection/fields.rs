//! Field lines that both sides of a connection write.

use crate::encode::HeadWriter;
use crate::error::MisuseError;
use crate::grammar::digits;
use crate::hop_by_hop::is_framing_field;
use http::HeaderMap;

pub(super) fn content_length(head: &mut HeadWriter<'_>, length: u64) {
    head.known("Content-Length: ", digits(length, &mut [0; 20]));
}

/// Writes the fields of a map, except the [framing fields](is_framing_field).
///
/// # Errors
/// As [`HeadWriter::field`]. Fields before the invalid one are written.
pub fn end_to_end_fields(head: &mut HeadWriter<'_>, map: &HeaderMap) -> Result<(), MisuseError> {
    map.iter()
        .filter(|(name, _)| !is_framing_field(name))
        .try_for_each(|(name, value)| head.field(name.as_str(), value.as_bytes()))
}
