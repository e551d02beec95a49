//! A listing as JSON: an array of objects, one a line.
//!
//! ```json
//! [
//! {"name":"a b.txt","type":"file","size":5,"modified":"2025-11-20T20:10:43Z","href":"a%20b.txt"},
//! {"name":"folder","type":"folder","size":0,"modified":"2025-11-20T20:10:43Z","href":"folder/"}
//! ]
//! ```
//!
//! `href` is the exact name, relative to the folder; `name` is for reading, since a name needn't be text.

use super::ROWS;
use crate::files::folder::Entry;
use crate::files::text::{push_date, push_json, push_number};
use crate::files::url::push_name;

/// The document, some rows at a time.
pub(super) fn parts(entries: Vec<Entry>) -> impl Iterator<Item = String> + Send {
    let mut entries = entries.into_iter().peekable();
    let mut begun = false;
    let mut done = false;
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        let mut out = String::with_capacity(ROWS * 128);
        if !std::mem::replace(&mut begun, true) {
            out.push('[');
        }
        for _ in 0..ROWS {
            let Some(entry) = entries.next() else { break };
            push_object(&entry, &mut out);
            if entries.peek().is_some() {
                out.push(',');
            }
        }
        if entries.peek().is_none() {
            out.push_str("\n]\n");
            done = true;
        }
        Some(out)
    })
}

fn push_object(entry: &Entry, out: &mut String) {
    out.push_str("\n{\"name\":");
    push_json(&entry.text(), out);
    out.push_str(if entry.is_folder {
        ",\"type\":\"folder\""
    } else {
        ",\"type\":\"file\""
    });
    out.push_str(",\"size\":");
    push_number(entry.length(), out);
    out.push_str(",\"modified\":\"");
    push_date(entry.modified(), out);
    out.push_str("\",\"href\":\"");
    push_name(&entry.name, out);
    out.push_str(if entry.is_folder { "/\"}" } else { "\"}" });
}
