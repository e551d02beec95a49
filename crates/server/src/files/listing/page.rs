//! A listing as a page.

use super::{Column, Listing, Order, ROWS, readme};
use crate::files::folder::Entry;
use crate::files::html::{Escaped, push_escaped};
use crate::files::text::{push_date, push_number, push_size, readable};
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
    let relative = readable(String::from_utf8_lossy(&listing.relative));
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
    out.push_str("</h1>\n<p role=\"status\">");
    push_counts(entries, &mut out);
    out.push_str("</p>\n");
    if entries.is_empty() && filter.is_empty() {
        // There is nothing to download, to sort or to find.
        out.push_str("</header>\n<table>\n<tbody>\n");
        push_way_up(&names, &mut out);
        return out;
    }
    if listing.store.options().archives {
        out.push_str(
            "<p>Download all: <a href=\"?download=zip\" download>zip</a> <a href=\"?download=tar\" download>tar</a></p>\n",
        );
    }
    // Somebody who looks at a part of the list may want to change which.
    let focus = if listing.query.has("filter") {
        " autofocus"
    } else {
        ""
    };
    // Writing to a string doesn't fail.
    let _ = write!(
        out,
        "<form role=\"search\"><input type=\"search\" name=\"filter\" value=\"{}\" placeholder=\"Filter\" \
         aria-label=\"Filter by name\" aria-keyshortcuts=\"/\" autocomplete=\"off\" spellcheck=\"false\"{focus}>",
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
    push_way_up(&names, &mut out);
    out
}

/// All after the last row.
fn foot(listing: &Listing, entries: &[Entry], nonce: &str) -> String {
    let mut out = String::from("</table>\n");
    let filter = listing.query.value("filter").unwrap_or_default();
    if entries.is_empty() && filter.is_empty() {
        out.push_str("<p class=\"empty\">This folder is empty.</p>\n");
        return out;
    }
    if entries.is_empty() {
        out.push_str(
            "<p class=\"empty\">Nothing here has such a name. <a href=\"./\">Show all</a></p>\n",
        );
    }
    out.push_str(&readme::render(listing, entries));
    let _ = writeln!(out, "<script nonce=\"{nonce}\">\n{SCRIPT}</script>");
    out
}

/// How much there is, as far as there is any: `2 folders, 1 file, 5.0 kB`.
fn push_counts(entries: &[Entry], out: &mut String) {
    let folders = entries.iter().filter(|entry| entry.is_folder).count();
    let files = entries.len() - folders;
    let mut separator = "";
    for (count, what) in [(folders, "folder"), (files, "file")] {
        if count > 0 {
            out.push_str(separator);
            push_number(count as u64, out);
            out.push(' ');
            out.push_str(what);
            out.push_str(if count == 1 { "" } else { "s" });
            separator = ", ";
        }
    }
    if files > 0 {
        out.push_str(separator);
        let lengths = entries.iter().map(Entry::length);
        push_size(lengths.fold(0, u64::saturating_add), out);
    }
}

fn push_way_up(names: &[&str], out: &mut String) {
    if !names.is_empty() {
        out.push_str(
            "<tr class=\"up\"><td><a href=\"../\" aria-label=\"The folder above\">..</a><td><td>\n",
        );
    }
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
    push_escaped(&readable(entry.text()), out);
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
