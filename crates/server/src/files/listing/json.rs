//! A listing as JSON: an array of objects, one per line.
//!
//! ```json
//! [
//! {"name":"a b.txt","type":"file","size":5,"modified":"2025-11-20T20:10:43Z","href":"a%20b.txt"},
//! {"name":"folder","type":"folder","size":0,"modified":"2025-11-20T20:10:43Z","href":"folder/"}
//! ]
//! ```
//!
//! `href` is the exact name, relative to the directory; `name` is for display, since a name may
//! contain bytes that are not text.

use super::text::{push_date, push_json, push_number};
use super::view::{ROWS, View};
use crate::files::root::dir_table::Entry;
use crate::page::push_name;

/// The document in parts of up to [`ROWS`] rows.
pub(super) fn parts(view: View) -> impl Iterator<Item = String> + Send {
    let count = view.len();
    // An empty array takes one part as well.
    (0..count.max(1)).step_by(ROWS).map(move |first| {
        let mut out = String::with_capacity(ROWS * 128);
        if first == 0 {
            out.push('[');
        }
        for (at, entry) in (first..).zip(view.rows(first, ROWS)) {
            push_object(&entry, &mut out);
            if at + 1 < count {
                out.push(',');
            }
        }
        if first + ROWS >= count {
            out.push_str("\n]\n");
        }
        out
    })
}

fn push_object(entry: &Entry<'_>, out: &mut String) {
    out.push_str("\n{\"name\":");
    push_json(&entry.text(), out);
    out.push_str(if entry.is_dir {
        ",\"type\":\"folder\""
    } else {
        ",\"type\":\"file\""
    });
    out.push_str(",\"size\":");
    push_number(entry.length, out);
    out.push_str(",\"modified\":\"");
    push_date(entry.modified, out);
    out.push_str("\",\"href\":\"");
    push_name(entry.name, out);
    out.push_str(if entry.is_dir { "/\"}" } else { "\"}" });
}
