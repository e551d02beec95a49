//! Evicts connections when the server is full and a new one waits to be accepted.
//!
//! The order is that of the table in the crate's documentation: first idle connections to upstream
//! servers, which no client has, then what its client loses nothing by, then what an attacker would
//! hold, then what is idle, and last what a client may be waiting for.

use super::blocking::park_or_close;
use super::shared::Shared;
use crate::access_log::Ending;
use crate::connection::{Connection, Turn};
use crate::deadline::{Deadline, Lag, Ticks, Waiting};

/// Connections that are evicted for one newcomer at most, and looked at in one search.
const SHED: usize = 32;

/// A row of the order of eviction: the connections that wait for this and lag so far behind.
type Row = (Waiting, Lag);

/// The order of eviction. Within a row, the connection with the least time left comes first.
const ORDER: [Row; 11] = [
    (Waiting::Content, Lag::Any),
    (Waiting::Linger, Lag::Any),
    (Waiting::First, Lag::Behind),
    (Waiting::Head, Lag::Behind),
    (Waiting::Receive, Lag::Half),
    (Waiting::Write, Lag::Half),
    (Waiting::Idle, Lag::Any),
    (Waiting::First, Lag::Any),
    (Waiting::Head, Lag::Any),
    (Waiting::Receive, Lag::Behind),
    (Waiting::Write, Lag::Behind),
];

/// The order of eviction at some point in time.
struct Order([(Waiting, Ticks); ORDER.len()]);

impl Order {
    fn now(turn: &Turn<'_>) -> Self {
        Order(ORDER.map(|(waiting, lag)| (waiting, turn.lagging(waiting, lag))))
    }

    /// The first row, from this one on, that a connection with this deadline is in.
    fn rank(&self, from: usize, deadline: Deadline) -> Option<usize> {
        (from..).zip(&self.0[from..]).find_map(|(rank, row)| {
            let (waiting, until) = *row;
            (waiting == deadline.waiting && deadline.at <= until).then_some(rank)
        })
    }
}

/// How many connections of a row are evicted for one newcomer, of this many in all. The next
/// newcomers then find room without a search. A transfer that is cut short makes room for one only.
fn share(waiting: Waiting, connections: usize) -> usize {
    match waiting {
        Waiting::Receive | Waiting::Write => 1,
        _ => (connections / 64).clamp(1, SHED),
    }
}

/// Closes idle connections to upstream servers, or else evicts connections of the first row of the
/// order that has any. Returns whether there is room now. A connection whose handler is running
/// stays, and so does one that reads fast enough.
pub(super) fn make_room(shared: &Shared, turn: &mut Turn<'_>) -> bool {
    let connections = shared.admission.connections();
    // More than one may have to go: requests connect to upstream servers although it is full.
    while shared.close_idle_upstream(share(Waiting::Idle, connections)) {
        if !shared.is_full() {
            return true;
        }
    }
    let order = Order::now(turn);
    let mut from = 0;
    while from < ORDER.len() {
        let found = shared.parked.first(SHED, |due| order.rank(from, due));
        let Some((last, _)) = found.last() else {
            return false;
        };
        // If none of these had to go, those that follow are looked at.
        from = last + 1;
        let mut evicted = 0;
        let mut row = None;
        for (rank, descriptor) in found {
            let (waiting, lag) = ORDER[rank];
            if evicted > 0 && (row != Some(rank) || evicted >= share(waiting, connections)) {
                break;
            }
            let is_still = |due: Deadline| order.rank(rank, due) == Some(rank);
            let Some(mut connection) = shared.parked.take_if(descriptor, is_still) else {
                continue;
            };
            if stays(&mut connection, waiting, lag, turn) {
                park_or_close(shared, connection);
                continue;
            }
            evict(shared, connection, waiting);
            (evicted, row) = (evicted + 1, Some(rank));
        }
        if evicted > 0 {
            return true;
        }
    }
    false
}

/// Whether a connection turns out to have done what it is thought to wait for.
fn stays(connection: &mut Connection, waiting: Waiting, lag: Lag, turn: &mut Turn<'_>) -> bool {
    match waiting {
        Waiting::First | Waiting::Head | Waiting::Idle => connection.has_input(),
        Waiting::Receive | Waiting::Write => !connection.has_fallen_behind(lag, turn),
        Waiting::Content | Waiting::Linger => false,
        // These have no place in the order.
        Waiting::Upstream | Waiting::Tunnel => true,
    }
}

fn evict(shared: &Shared, connection: Box<Connection>, waiting: Waiting) {
    log::debug!(
        "{}: closing: there are too many connections, and this one ({waiting}) is the first to go",
        connection.remote()
    );
    connection.abort(Ending::Evicted, &shared.env);
    shared.closed();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadline::{Clock, Timeouts};
    use std::time::{Duration, Instant};

    /// Connections in the order in which they are evicted: what each waits for, and for how many
    /// seconds it has. The timeouts are the default ones.
    const TABLE: &str = "
        content 29
        content 30
        linger 0
        first 60
        first 73
        head 8
        receive 1
        receive 15
        write 30
        idle 1
        idle 75
        first 74
        first 75
        head 9
        head 10
        receive 16
        receive 28
        write 31
        write 58
    ";

    /// Connections that stay: uploads and readers that keep their rate.
    const STAY: &str = "
        receive 29
        write 59
    ";

    fn deadlines(table: &str, now: Ticks) -> Vec<Deadline> {
        let lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
        let parse = |line: &str| {
            let (name, left) = line.split_once(' ').unwrap();
            let waiting = match name {
                "content" => Waiting::Content,
                "linger" => Waiting::Linger,
                "first" => Waiting::First,
                "head" => Waiting::Head,
                "receive" => Waiting::Receive,
                "write" => Waiting::Write,
                "idle" => Waiting::Idle,
                other => panic!("{other}"),
            };
            let at = now.after(Duration::from_secs(left.parse().unwrap()));
            Deadline { waiting, at }
        };
        lines.map(parse).collect()
    }

    #[test]
    fn connections_go_in_the_order_of_the_table() {
        let (clock, timeouts) = (Clock::new(), Timeouts::default());
        let now = clock.at(Instant::now());
        let order =
            Order(ORDER.map(|(waiting, lag)| (waiting, now.after(timeouts.lagging(waiting, lag)))));
        let ranked = |deadline: &Deadline| (order.rank(0, *deadline), deadline.at);
        let table = deadlines(TABLE, now);
        for pair in table.windows(2) {
            assert!(ranked(&pair[0]) < ranked(&pair[1]), "{pair:?}");
        }
        assert!(table.iter().all(|due| order.rank(0, *due).is_some()));
        for deadline in deadlines(STAY, now) {
            assert_eq!(order.rank(0, deadline), None, "{deadline:?}");
        }
    }

    #[test]
    fn a_later_search_begins_where_an_earlier_one_ended() {
        let now = Ticks(1);
        let order = Order(ORDER.map(|(waiting, _)| (waiting, now)));
        let due = |waiting| Deadline { waiting, at: now };
        assert_eq!(order.rank(0, due(Waiting::First)), Some(2));
        assert_eq!(order.rank(3, due(Waiting::First)), Some(7));
        assert_eq!(order.rank(8, due(Waiting::First)), None);
    }

    #[test]
    fn many_connections_make_room_for_several() {
        for (connections, expected) in [(1, 1), (200, 3), (20_000, 32)] {
            assert_eq!(share(Waiting::Idle, connections), expected);
            assert_eq!(share(Waiting::Write, connections), 1);
        }
    }
}
