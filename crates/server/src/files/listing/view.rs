//! What a listing shows: the rows, their order, and the README.

use crate::files::dir::by_name;
use crate::files::query::Query;
use crate::files::root::dir_table::{DirTable, Entry};
use crate::semaphore::Permit;
use std::cmp::Ordering;
use std::sync::Arc;

/// How many rows are rendered at once.
pub(super) const ROWS: usize = 256;

/// The content of one listing.
pub(super) struct View {
    /// The path of the directory below the root; `.` is the root itself.
    pub(super) relative: Vec<u8>,
    pub(super) query: Query,
    pub(super) offers_archives: bool,
    pub(super) table: Arc<DirTable>,
    /// The positions in the table of the entries that pass the filter, in order. `None`: all
    /// entries, in the table's order.
    pub(super) shown: Option<Vec<u32>>,
    /// The rendered README; empty if there is none.
    pub(super) readme: String,
    pub(super) permit: Permit,
}

impl View {
    pub(super) fn len(&self) -> usize {
        self.shown.as_ref().map_or(self.table.len(), Vec::len)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.rows(0, self.len())
    }

    /// Up to `count` entries from the position `first` on.
    pub(super) fn rows(&self, first: usize, count: usize) -> impl Iterator<Item = Entry<'_>> {
        let end = self.len().min(first.saturating_add(count));
        (first..end).map(|at| self.entry(at))
    }

    fn entry(&self, at: usize) -> Entry<'_> {
        let place = self.shown.as_ref().map_or(at, |shown| shown[at] as usize);
        self.table.entry(place)
    }
}

/// The order of the entries. Directories come first in every order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Order {
    pub(super) by: Column,
    pub(super) descending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Column {
    #[default]
    Name,
    Size,
    Modified,
}

impl Column {
    pub(super) const ALL: [Column; 3] = [Column::Name, Column::Size, Column::Modified];

    pub(super) fn name(self) -> &'static str {
        match self {
            Column::Name => "name",
            Column::Size => "size",
            Column::Modified => "modified",
        }
    }
}

impl Order {
    pub(super) fn of(query: &Query) -> Self {
        let sort = query.value("sort");
        let by = Column::ALL
            .into_iter()
            .find(|column| sort.as_deref() == Some(column.name()));
        Order {
            by: by.unwrap_or_default(),
            descending: query.value("order").as_deref() == Some("desc"),
        }
    }

    /// Compares by column, and by name for equal values; directories come before files.
    pub(super) fn compare(self, a: &Entry<'_>, b: &Entry<'_>) -> Ordering {
        let by_column = match self.by {
            Column::Name => Ordering::Equal,
            Column::Size => a.length.cmp(&b.length),
            Column::Modified => a.modified.cmp(&b.modified),
        };
        let ordering = by_column.then_with(|| by_name(a.name, b.name));
        let ordering = if self.descending {
            ordering.reverse()
        } else {
            ordering
        };
        b.is_dir.cmp(&a.is_dir).then(ordering)
    }

    /// The query that requests this order; empty for the default order.
    pub(super) fn query(self) -> String {
        if self == Order::default() {
            return String::new();
        }
        let direction = if self.descending { "desc" } else { "asc" };
        format!("?sort={}&order={direction}", self.by.name())
    }
}
