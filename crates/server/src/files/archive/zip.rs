//! The zip format (PKWARE's APPNOTE 6.3) without compression, with the 64-bit extensions for large
//! numbers.
//!
//! The checksum of a file's content is known after the content has been sent, so it follows in a
//! data descriptor (§4.3.9). Names are marked as UTF-8 if they are. Times are in the DOS form for
//! old programs, and in seconds since 1970 for the others.

use super::walk::Node;
use chrono::{DateTime, Datelike, Timelike};

/// Numbers from this one on are written as 64 bits in an extra field.
const FULL: u32 = u32::MAX;

const DESCRIPTOR_FOLLOWS: u16 = 1 << 3;
const NAME_IS_UTF8: u16 = 1 << 11;

/// Version 4.5 of the format has the 64-bit extensions; 2.0 suffices without them.
const WITH_64_BITS: u16 = 45;
const PLAIN: u16 = 20;

/// The header before a node's content (§4.3.7).
pub(super) fn header(node: &Node) -> Vec<u8> {
    let name = &node.name[..];
    let wide = is_wide(node.length);
    let mut extra = time_extra(node);
    if wide {
        // The descriptor holds the lengths; this field marks them as 64 bits.
        extra.extend(bytes(&[
            &1_u16.to_le_bytes(),
            &16_u16.to_le_bytes(),
            &[0; 16],
        ]));
    }
    let length = if wide { FULL } else { 0 };
    bytes(&[
        b"PK\x03\x04",
        &version(wide).to_le_bytes(),
        &common(name, node),
        &0_u32.to_le_bytes(),
        &length.to_le_bytes(),
        &length.to_le_bytes(),
        &short(name.len()).to_le_bytes(),
        &short(extra.len()).to_le_bytes(),
        name,
        &extra,
    ])
}

/// The length of [`header`] in bytes.
pub(super) fn header_length(node: &Node) -> u64 {
    let wide = if is_wide(node.length) { 20 } else { 0 };
    (30 + node.name.len() + time_extra_length(node) + wide) as u64
}

/// The length of [`trailer`] in bytes; empty content has none.
pub(super) fn trailer_length(node: &Node) -> u64 {
    match node.length {
        0 => 0,
        length if is_wide(length) => 24,
        _ => 16,
    }
}

/// The length of [`directory`] in bytes.
pub(super) fn directory_length(node: &Node, at: u64) -> u64 {
    let numbers = 2 * usize::from(is_wide(node.length)) + usize::from(is_wide(at));
    let wide = if numbers == 0 { 0 } else { 4 + 8 * numbers };
    (46 + node.name.len() + time_extra_length(node) + wide) as u64
}

/// The data descriptor after content that isn't empty.
pub(super) fn trailer(node: &Node, checksum: u32) -> Vec<u8> {
    let length = node.length;
    let checksum = checksum.to_le_bytes();
    if is_wide(length) {
        let length = length.to_le_bytes();
        bytes(&[b"PK\x07\x08", &checksum, &length, &length])
    } else {
        let length = narrow(length).to_le_bytes();
        bytes(&[b"PK\x07\x08", &checksum, &length, &length])
    }
}

/// A node in the directory at the end (§4.3.12). Its header lies at `at`.
pub(super) fn directory(node: &Node, at: u64, checksum: u32) -> Vec<u8> {
    let name = &node.name[..];
    let length = node.length;
    let mut wide = Vec::new();
    if is_wide(length) {
        wide.extend_from_slice(&length.to_le_bytes());
        wide.extend_from_slice(&length.to_le_bytes());
    }
    if is_wide(at) {
        wide.extend_from_slice(&at.to_le_bytes());
    }
    let mut extra = time_extra(node);
    if !wide.is_empty() {
        extra.extend(bytes(&[
            &1_u16.to_le_bytes(),
            &short(wide.len()).to_le_bytes(),
            &wide,
        ]));
    }
    let mode: u32 = if node.is_dir {
        0o040_755 << 16 | 0x10
    } else {
        0o100_644 << 16
    };
    const UNIX: u16 = 3 << 8;
    bytes(&[
        b"PK\x01\x02",
        &(UNIX | WITH_64_BITS).to_le_bytes(),
        &version(!wide.is_empty()).to_le_bytes(),
        &common(name, node),
        &checksum.to_le_bytes(),
        &narrow(length).to_le_bytes(),
        &narrow(length).to_le_bytes(),
        &short(name.len()).to_le_bytes(),
        &short(extra.len()).to_le_bytes(),
        // No comment, the first disk, no internal attributes.
        &[0; 6],
        &mode.to_le_bytes(),
        &narrow(at).to_le_bytes(),
        name,
        &extra,
    ])
}

/// The end of the directory (§4.3.14 to §4.3.16), which reaches from `directory` to `at`.
pub(super) fn end(count: u64, directory: u64, at: u64) -> Vec<u8> {
    let length = at - directory;
    let mut out = Vec::new();
    if count >= u64::from(u16::MAX) || is_wide(directory) || is_wide(length) {
        out.extend(bytes(&[
            b"PK\x06\x06",
            // The length of the rest of this record.
            &44_u64.to_le_bytes(),
            &WITH_64_BITS.to_le_bytes(),
            &WITH_64_BITS.to_le_bytes(),
            // This disk, the directory's disk.
            &[0; 8],
            &count.to_le_bytes(),
            &count.to_le_bytes(),
            &length.to_le_bytes(),
            &directory.to_le_bytes(),
            b"PK\x06\x07",
            &[0; 4],
            &at.to_le_bytes(),
            &1_u32.to_le_bytes(),
        ]));
    }
    let count = u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes();
    out.extend(bytes(&[
        b"PK\x05\x06",
        &[0; 4],
        &count,
        &count,
        &narrow(length).to_le_bytes(),
        &narrow(directory).to_le_bytes(),
        &[0; 2],
    ]));
    out
}

/// Flags, method and time, which the header and the directory share.
fn common(name: &[u8], node: &Node) -> [u8; 8] {
    let mut flags = 0;
    if node.length > 0 {
        flags |= DESCRIPTOR_FOLLOWS;
    }
    if std::str::from_utf8(name).is_ok() {
        flags |= NAME_IS_UTF8;
    }
    let (date, time) = dos_time(node);
    let mut out = [0; 8];
    out[0..2].copy_from_slice(&flags.to_le_bytes());
    // Method 0: stored.
    out[4..6].copy_from_slice(&time.to_le_bytes());
    out[6..8].copy_from_slice(&date.to_le_bytes());
    out
}

/// The DOS date and time: years from 1980 to 2107, and a resolution of two seconds.
fn dos_time(node: &Node) -> (u16, u16) {
    let (first, last) = (315_532_800, 4_354_819_199);
    let seconds = node.modified.clamp(first, last);
    let time = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    let date = ((time.year() - 1980) as u32) << 9 | time.month() << 5 | time.day();
    let time = time.hour() << 11 | time.minute() << 5 | (time.second() / 2);
    (date as u16, time as u16)
}

/// The extended timestamp of Info-ZIP: seconds since 1970, if they fit.
fn time_extra(node: &Node) -> Vec<u8> {
    let Ok(seconds) = i32::try_from(node.modified) else {
        return Vec::new();
    };
    bytes(&[b"UT", &5_u16.to_le_bytes(), &[1], &seconds.to_le_bytes()])
}

fn time_extra_length(node: &Node) -> usize {
    if i32::try_from(node.modified).is_ok() {
        9
    } else {
        0
    }
}

fn is_wide(number: u64) -> bool {
    number >= u64::from(FULL)
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(FULL)
}

/// The length of a name or an extra field. Paths have at most 4,096 bytes, which escapes at most
/// triple.
fn short(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

fn version(wide: bool) -> u16 {
    if wide { WITH_64_BITS } else { PLAIN }
}

fn bytes(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_known_without_the_bytes() {
        let full = u64::from(FULL);
        for length in [0, 1, full - 1, full, full + 1, u64::MAX / 2] {
            for modified in [i64::MIN, -1, 0, 1 << 31, i64::MAX] {
                for at in [0, full - 1, full, 1 << 40] {
                    let node = Node {
                        name: b"a/b".to_vec(),
                        length,
                        modified,
                        ..Node::default()
                    };
                    assert_eq!(header(&node).len() as u64, header_length(&node));
                    assert_eq!(
                        directory(&node, at, 0).len() as u64,
                        directory_length(&node, at)
                    );
                    if length > 0 {
                        assert_eq!(trailer(&node, 0).len() as u64, trailer_length(&node));
                    }
                }
            }
        }
    }
}
