//! `--explain`: a fetch as a lesson, in the seven steps and in the parts of both messages,
//! from what really happened.
//!
//! | module | holds |
//! |---|---|
//! | `steps` | the seven steps of one hop |
//! | `certificate` | what TLS agreed on, and the server's certificate |
//! | `notes` | what the parts of a message mean |
//! | `caching` | what caches may do with a response |
//! | `waterfall` | where the time went |
//! | `page` | the layout in three columns |

mod steps;
#[cfg(feature = "tls")]
mod certificate;
mod notes;
mod caching;
mod waterfall;
mod page;

use super::facts::Facts;
use crate::get::output::terminal::columns;
use page::Page;

/// The whole explanation.
pub(in crate::get) fn explain(facts: &Facts<'_>) -> String {
    let mut page = Page::new(facts.colour, columns());
    let hops = &facts.trace.hops;
    for (index, hop) in hops.iter().enumerate() {
        if hops.len() > 1 {
            let number = index + 1;
            page.rule(&format!(
                "{number} of {}: {} {}",
                hops.len(),
                hop.method,
                hop.url
            ));
        }
        steps::hop(&mut page, hop, hops.get(index + 1), facts.failure);
    }
    if let Some(failure) = facts.failure {
        page.heading("What went wrong", None);
        page.row("", failure.what(), "");
        page.row("", failure.hint_text(), "");
    } else {
        steps::show(&mut page, facts);
    }
    if hops.iter().any(|hop| hop.timings.connected.is_some()) {
        waterfall::draw(&mut page, facts.trace);
    }
    page.into_text()
}
