//! Where the time went: a bar for each phase, below one another, on one scale.

use super::super::facts::total;
use super::page::{Page, took};
use crate::get::output::terminal::styles;
use anstyle::Style;
use std::time::Duration;
use tinyhttp_client::trace::{Hop, Trace};

/// Columns behind the scale, for a time.
const TIME: usize = 12;

/// One phase: its name, and from when to when.
type Phase = (&'static str, Duration, Duration);

pub(super) fn draw(page: &mut Page, trace: &Trace) {
    let total = total(trace);
    page.heading("Where the time went", Some(total));
    let width = page.room() - TIME;
    for (index, hop) in trace.hops.iter().enumerate() {
        if trace.hops.len() > 1 {
            page.row(&(index + 1).to_string(), hop.url.as_str(), "");
        }
        for (name, from, to) in phases(hop) {
            let bar = bar(from, to, total, width);
            let time = format!("{:>12}", took(to.saturating_sub(from)));
            page.styled(name, &format!("{bar}{time}"), style(name), "");
        }
    }
}

fn style(name: &str) -> Style {
    match name {
        "wait" => styles::REDIRECT,
        "content" => styles::STRING,
        _ => styles::NAME,
    }
}

/// The phases that happened, in order.
fn phases(hop: &Hop) -> Vec<Phase> {
    let ends = [
        ("resolve", hop.timings.resolved),
        ("connect", hop.timings.connected.filter(|_| hop.reused == 0)),
        ("proxy", hop.timings.tunnel),
        ("TLS", hop.timings.secured),
        ("send", hop.timings.sent),
        ("wait", hop.timings.first_byte),
        ("content", hop.timings.ended),
    ];
    let mut phases = Vec::new();
    let mut from = hop.timings.started;
    for (name, end) in ends {
        if let Some(to) = end.filter(|to| *to >= from) {
            phases.push((name, from, to));
            from = to;
        }
    }
    phases
}

/// A bar at its place on the scale; what is too short to be seen is a thin line.
fn bar(from: Duration, to: Duration, total: Duration, width: usize) -> String {
    let total = total.as_micros().max(1);
    // A place is at most the width, so it fits.
    let place = |at: Duration| ((at.as_micros() * width as u128) / total) as usize;
    let (from, to) = (place(from), place(to).min(width));
    let mut text = " ".repeat(from.min(width - 1));
    match to.saturating_sub(from) {
        0 => text.push('▏'),
        whole => text.push_str(&"█".repeat(whole)),
    }
    let used = text.chars().count();
    text.push_str(&" ".repeat(width - used));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars() {
        let ms = Duration::from_millis;
        let table = [
            (0, 100, 100, "█".repeat(48)),
            (0, 50, 100, "█".repeat(24) + &" ".repeat(24)),
            (50, 100, 100, " ".repeat(24) + &"█".repeat(24)),
            (50, 50, 100, " ".repeat(24) + "▏" + &" ".repeat(23)),
            (100, 100, 100, " ".repeat(47) + "▏"),
            (0, 0, 0, "▏".to_owned() + &" ".repeat(47)),
        ];
        for (from, to, total, want) in table {
            assert_eq!(bar(ms(from), ms(to), ms(total), 48), want, "{from} to {to}");
        }
    }
}
