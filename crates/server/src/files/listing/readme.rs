//! The README of a directory, which is shown below its listing: README.md, README.txt or README.

#[cfg(feature = "markdown")]
use super::markdown::render as render_markdown;
use super::view::View;
use crate::files::content::store::Store;
use crate::files::dir::join;
use crate::files::failure::Failure;
use crate::files::root::dir_table::Entry;
use crate::gate::Pass;
use crate::page::Escaped;
use std::fmt::Write;

/// The longest README that is shown, in bytes.
const LONGEST: u64 = 256 * 1024;

/// Renders the README among the entries that are shown; empty if there is none. The view's permit
/// grows by the memory it takes.
///
/// # Errors
/// [`Failure::Busy`].
pub(super) fn render(store: &Store, view: &mut View, _: &Pass<'_>) -> Result<String, Failure> {
    let names = ["readme.md", "readme.markdown", "readme.txt", "readme"];
    let rank = |entry: &Entry<'_>| {
        let name = |name: &&str| entry.name.eq_ignore_ascii_case(name.as_bytes());
        names.iter().position(name)
    };
    let readmes = view
        .entries()
        .filter(|entry| !entry.is_dir && entry.length <= LONGEST);
    let readme = readmes
        .filter_map(|entry| Some((rank(&entry)?, entry)))
        .min_by_key(|(rank, _)| *rank);
    let Some((rank, entry)) = readme else {
        return Ok(String::new());
    };
    let name = entry.text().into_owned();
    let Ok(content) = store.read(&join(&view.relative, entry.name)) else {
        return Ok(String::new());
    };
    let text = String::from_utf8_lossy(&content);
    let permit = &mut view.permit;
    let before = permit.units();
    let weight = weight(&content);
    let is_markdown = rank < 2 && before + weight <= permit.total();
    let most = if is_markdown {
        weight
    } else {
        8 * content.len()
    };
    if !permit.grow_to(before + most) {
        return Err(Failure::Busy);
    }
    let mut out = format!("<article aria-label=\"{}\">\n", Escaped(&name));
    let html = is_markdown.then(|| render_markdown(&text)).flatten();
    match html {
        Some(html) => out.push_str(&html),
        None => {
            // Writing to a string doesn't fail.
            let _ = writeln!(out, "<pre>{}</pre>", Escaped(&text));
        }
    }
    out.push_str("</article>\n");
    permit.shrink_to(before + out.capacity());
    Ok(out)
}

/// The memory that rendering may take, in bytes: copies of the text, and an event and an element
/// for every character that may begin one.
fn weight(content: &[u8]) -> usize {
    let begins = |byte: &&u8| b"<*_`[!#|~\n".contains(byte);
    16 * content.len() + 512 * content.iter().filter(begins).count()
}

/// Without the feature `markdown`, READMEs are shown as plain text.
#[cfg(not(feature = "markdown"))]
fn render_markdown(_text: &str) -> Option<String> {
    None
}
