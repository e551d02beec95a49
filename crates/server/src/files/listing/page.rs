//! A listing as a page.

use super::{Column, Listing, Order, ROWS, readme};
use crate::files::folder::Entry;
use crate::files::html::{Escaped, push_escaped};
use crate::files::text::{push_date, push_number, push_size};
use crate::files::url::push_name;
use std::fmt::Write;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The page, some rows at a time.
pub(super) fn parts(
    listing: &Listing,
    entries: Vec<Entry>,
    nonce: &str,
) -> impl Iterator<Item = String> + Send + use<> {
    let head = head(listing, &entries, nonce);
    let foot = foot(listing, &entries, nonce);
    let mut entries = entries.into_iter();
    let rows = std::iter::from_fn(move || {
        let mut out = String::with_capacity(ROWS * 160);
        for entry in entries.by_ref().take(ROWS) {
            push_row(&entry, &mut out);
        }
        (!out.is_empty()).then_some(out)
    });
    std::iter::once(head)
        .chain(rows)
        .chain(std::iter::once(foot))
}
/// All up to the first row.
fn head(listing: &Listing, entries: &[Entry], nonce: &str) -> String {
    let relative = String::from_utf8_lossy(&listing.relative);
    let names: Vec<&str> = if relative == "." {
        Vec::new()
    } else {
        relative.split('/').collect()
    };
    let order = Order::of(&listing.query);
    let filter = listing.query.value("filter").unwrap_or_default();
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>/{title}</title>\n<link rel=\"icon\" href=\"data:,\">\n<style nonce=\"{nonce}\">\n{STYLE}</style>\n<header>\n<h1>",
        title = Escaped(
            &names
                .iter()
                .map(|name| format!("{name}/"))
                .collect::<String>()
        ),
    );
    push_breadcrumbs(&names, &mut out);
    let folders = entries.iter().filter(|entry| entry.is_folder).count() as u64;
    let files = entries.len() as u64 - folders;
    let length = entries
        .iter()
        .fold(0, |sum: u64, entry| sum.saturating_add(entry.length()));
    out.push_str("</h1>\n<p id=\"count\">");
    push_count(folders, "folder", &mut out);
    out.push_str(", ");
    push_count(files, "file", &mut out);
    out.push_str(", ");
    push_size(length, &mut out);
    out.push_str("</p>\n");
    if listing.store.options().archives {
        out.push_str(
            "<p>Download all: <a href=\"?download=zip\" download>zip</a> <a href=\"?download=tar\" download>tar</a></p>\n",
        );
    }
    // Writing to a string doesn't fail.
    let _ = write!(
        out,
        "<form role=\"search\"><input type=\"search\" name=\"filter\" value=\"{}\" placeholder=\"Filter\" \
         aria-label=\"Filter by name\" autocomplete=\"off\" spellcheck=\"false\">",
        Escaped(&filter)
    );
    if order != Order::default() {
        let direction = if order.descending { "desc" } else { "asc" };
        let _ = write!(
            out,
            "<input type=\"hidden\" name=\"sort\" value=\"{}\"><input type=\"hidden\" name=\"order\" value=\"{direction}\">",
            order.by.name()
        );
    }
    out.push_str("</form>\n</header>\n<table>\n<thead><tr>");
    for (column, label) in Column::ALL.into_iter().zip(["Name", "Size", "Modified"]) {
        push_column(column, label, order, &filter, &mut out);
    }
    out.push_str("</thead>\n<tbody>\n");
    if !names.is_empty() {
        out.push_str("<tr class=\"up\"><td><a href=\"../\">..</a><td><td>\n");
    }
    out
}

/// All after the last row.
fn foot(listing: &Listing, entries: &[Entry], nonce: &str) -> String {
    let mut out = String::from("</table>\n");
    if entries.is_empty() {
        let filtered = listing
            .query
            .value("filter")
            .is_some_and(|filter| !filter.is_empty());
        out.push_str(if filtered {
            "<p class=\"empty\">Nothing here has such a name. <a href=\"./\">Show all</a></p>\n"
        } else {
            "<p class=\"empty\">This folder is empty.</p>\n"
        });
    }
    out.push_str(&readme::render(listing, entries));
    let _ = writeln!(out, "<script nonce=\"{nonce}\">\n{SCRIPT}</script>");
    out
}

/// The way from the root to here. The links are relative, so that they work behind a proxy that serves this under
/// another path.
fn push_breadcrumbs(names: &[&str], out: &mut String) {
    if names.is_empty() {
        out.push_str("<b>/</b>");
        return;
    }
    for (depth, name) in std::iter::once(&"").chain(names).enumerate() {
        let up = names.len() - depth;
        if up == 0 {
            let _ = write!(out, "<b>{}</b>/", Escaped(name));
        } else {
            let _ = write!(
                out,
                "<a href=\"{}\">{}/</a><wbr>",
                "../".repeat(up),
                Escaped(name)
            );
        }
    }
}

fn push_column(column: Column, label: &str, order: Order, filter: &str, out: &mut String) {
    let is_current = column == order.by;
    // A click on the column that decides turns the order round.
    let next = if is_current && !order.descending {
        "desc"
    } else {
        "asc"
    };
    out.push_str("<th");
    if is_current {
        let direction = if order.descending {
            "descending"
        } else {
            "ascending"
        };
        let _ = write!(out, " aria-sort=\"{direction}\"");
    }
    let _ = write!(out, "><a href=\"?sort={}&amp;order={next}", column.name());
    if !filter.is_empty() {
        out.push_str("&amp;filter=");
        push_name(filter.as_bytes(), out);
    }
    let _ = write!(out, "\">{label}</a>");
}

fn push_row(entry: &Entry, out: &mut String) {
    out.push_str(if entry.is_folder {
        "<tr class=\"dir\"><td><a href=\""
    } else {
        "<tr><td><a href=\""
    });
    push_name(&entry.name, out);
    let slash = if entry.is_folder { "/" } else { "" };
    out.push_str(slash);
    out.push_str("\">");
    push_escaped(&entry.text(), out);
    out.push_str(slash);
    out.push_str("</a><td");
    if !entry.is_folder {
        out.push_str(" data-size=\"");
        push_number(entry.length(), out);
        out.push_str("\">");
        push_size(entry.length(), out);
    } else {
        out.push('>');
    }
    out.push_str("<td><time>");
    push_date(entry.modified(), out);
    out.push_str("</time>\n");
}

fn push_count(count: u64, what: &str, out: &mut String) {
    push_number(count, out);
    out.push(' ');
    out.push_str(what);
    if count != 1 {
        out.push('s');
    }
}
