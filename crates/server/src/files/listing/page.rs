//! A listing as an HTML page.

use super::text::{push_date, push_number, push_size, readable};
use super::view::{Column, Order, ROWS, View};
use crate::files::root::dir_table::Entry;
use crate::page::{Escaped, PALETTE, push_escaped, push_name};
use std::fmt::Write;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The page in parts of up to [`ROWS`] rows.
pub(super) fn parts(view: View, nonce: String) -> impl Iterator<Item = String> + Send {
    let chunks = view.len().div_ceil(ROWS);
    let mut view = view;
    (0..chunks + 2).map(move |chunk| match chunk {
        0 => head(&view, &nonce),
        chunk if chunk <= chunks => {
            let suffix = order_suffix(&view);
            let mut out = String::with_capacity(ROWS * 160);
            for entry in view.rows((chunk - 1) * ROWS, ROWS) {
                push_row(&entry, &suffix, &mut out);
            }
            out
        }
        _ => foot(&mut view, &nonce),
    })
}

/// The query of links to other listings, which keeps the order of this one.
fn order_suffix(view: &View) -> String {
    Order::of(&view.query).query().replace('&', "&amp;")
}

/// The page up to the first row.
fn head(view: &View, nonce: &str) -> String {
    let relative = readable(String::from_utf8_lossy(&view.relative));
    let names: Vec<&str> = if relative == "." {
        Vec::new()
    } else {
        relative.split('/').collect()
    };
    let suffix = order_suffix(view);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>/{title}</title>\n<link rel=\"icon\" href=\"data:,\">\n\
         <style nonce=\"{nonce}\">\n{PALETTE}{STYLE}</style>\n<header>\n<h1>",
        title = Escaped(
            &names
                .iter()
                .map(|name| format!("{name}/"))
                .collect::<String>()
        ),
    );
    push_breadcrumbs(&names, &suffix, &mut out);
    out.push_str("</h1>\n<p role=\"status\">");
    push_counts(view, &mut out);
    out.push_str("</p>\n");
    let filter = view.query.value("filter").unwrap_or_default();
    if view.len() == 0 && filter.is_empty() {
        // Nothing to download, to sort or to find.
        out.push_str("</header>\n<table>\n<tbody>\n");
        push_parent(&names, &suffix, &mut out);
        return out;
    }
    if view.offers_archives {
        out.push_str(
            "<form class=\"archives\">Download all: <button name=\"download\" value=\"zip\">zip</button> \
             <button name=\"download\" value=\"tar\">tar</button></form>\n",
        );
    }
    push_filter(view, &filter, &mut out);
    out.push_str("</header>\n<table>\n<thead><tr>");
    for (column, label) in Column::ALL.into_iter().zip(["Name", "Size", "Modified"]) {
        push_column(column, label, Order::of(&view.query), &filter, &mut out);
    }
    out.push_str("</thead>\n<tbody>\n");
    push_parent(&names, &suffix, &mut out);
    out
}

fn push_filter(view: &View, filter: &str, out: &mut String) {
    // A filtered page puts the cursor into the filter, so that it can be changed.
    let focus = if view.query.has("filter") {
        " autofocus"
    } else {
        ""
    };
    // Writing to a string doesn't fail.
    let _ = write!(
        out,
        "<form role=\"search\"><input type=\"search\" name=\"filter\" value=\"{}\" placeholder=\"Filter\" \
         aria-label=\"Filter by name\" aria-keyshortcuts=\"/\" autocomplete=\"off\" spellcheck=\"false\"{focus}>",
        Escaped(filter)
    );
    let order = Order::of(&view.query);
    if order != Order::default() {
        push_hidden("sort", order.by.name(), out);
        push_hidden("order", if order.descending { "desc" } else { "asc" }, out);
    }
    out.push_str("</form>\n");
}

/// A hidden field of a form.
fn push_hidden(name: &str, value: &str, out: &mut String) {
    let value = Escaped(value);
    let _ = write!(
        out,
        "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">"
    );
}

/// The page after the last row.
fn foot(view: &mut View, nonce: &str) -> String {
    let mut out = String::from("</table>\n");
    let filter = view.query.value("filter").unwrap_or_default();
    if view.len() == 0 && filter.is_empty() {
        out.push_str("<p class=\"empty\">This folder is empty.</p>\n");
        return out;
    }
    if view.len() == 0 {
        out.push_str(
            "<p class=\"empty\">Nothing here has such a name. <a href=\"./\">Show all</a></p>\n",
        );
    }
    out.push_str(&std::mem::take(&mut view.readme));
    let _ = writeln!(out, "<script nonce=\"{nonce}\">\n{SCRIPT}</script>");
    out
}

/// The number of directories and files, and the sum of their sizes: `2 folders, 1 file, 5.0 kB`.
fn push_counts(view: &View, out: &mut String) {
    let folders = view.entries().filter(|entry| entry.is_dir).count();
    let files = view.len() - folders;
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
        let lengths = view.entries().map(|entry| entry.length);
        push_size(lengths.fold(0, u64::saturating_add), out);
    }
}

fn push_parent(names: &[&str], suffix: &str, out: &mut String) {
    if !names.is_empty() {
        let _ = writeln!(
            out,
            "<tr class=\"up\"><td><a href=\"../{suffix}\" aria-label=\"The folder above\">..</a><td><td>"
        );
    }
}

/// The path from the root to this directory. The links are relative, so that they work behind a
/// proxy that serves the directory under another path.
fn push_breadcrumbs(names: &[&str], suffix: &str, out: &mut String) {
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
                "<a href=\"{}{suffix}\">{}/</a><wbr>",
                "../".repeat(up),
                Escaped(name)
            );
        }
    }
}

/// The head of a column: a button that sorts by it. The largest and the newest come first; a click
/// on the current column reverses the order.
fn push_column(column: Column, label: &str, order: Order, filter: &str, out: &mut String) {
    let is_current = column == order.by;
    let next_is_descending = if is_current {
        !order.descending
    } else {
        column != Column::Name
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
    out.push_str("><form>");
    push_hidden(
        "order",
        if next_is_descending { "desc" } else { "asc" },
        out,
    );
    if !filter.is_empty() {
        push_hidden("filter", filter, out);
    }
    let name = column.name();
    let _ = write!(
        out,
        "<button name=\"sort\" value=\"{name}\">{label}</button></form>"
    );
}

fn push_row(entry: &Entry<'_>, suffix: &str, out: &mut String) {
    out.push_str(if entry.is_dir {
        "<tr class=\"dir\"><td><a href=\""
    } else {
        "<tr><td><a href=\""
    });
    push_name(entry.name, out);
    if entry.is_dir {
        out.push('/');
        out.push_str(suffix);
    }
    out.push_str("\">");
    push_escaped(&readable(entry.text()), out);
    out.push_str(if entry.is_dir { "/</a><td" } else { "</a><td" });
    if entry.is_dir {
        out.push('>');
    } else {
        out.push_str(" data-size=\"");
        push_number(entry.length, out);
        out.push_str("\">");
        push_size(entry.length, out);
    }
    out.push_str("<td><time>");
    push_date(entry.modified, out);
    out.push_str("</time>\n");
}
