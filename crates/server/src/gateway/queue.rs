//! Requests that wait until a server has room for them, in the order of their arrival.
//!
//! A request that waits holds no thread and is not looked at: what makes room grants it to the
//! first request that can use it, and wakes that one's connection.

use crate::lock::Lock;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// The requests that wait. `W` says what one of them can use, `G` is what it is granted, and `A`
/// wakes its connection.
pub(super) struct Queue<W, G, A>(Lock<State<W, G, A>>);

struct State<W, G, A> {
    /// The number of the next arrival.
    next: u64,
    waiting: BTreeMap<u64, Arc<Place<W, G, A>>>,
}

/// The place of one request in the queue.
pub(super) struct Place<W, G, A> {
    arrival: u64,
    since: Instant,
    wish: W,
    outcome: Lock<Outcome<G, A>>,
}

enum Outcome<G, A> {
    /// Nothing yet, and what wakes the connection.
    Waits(Option<A>),
    Granted(G),
    /// There is nothing left to wait for.
    Refused,
}

/// What became of a request in the queue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Given<G> {
    /// Nothing: it still waits.
    Waits,
    Granted(G),
    /// There is nothing left to wait for.
    Refused,
}

/// What there is for a request at the moment.
pub(super) enum Offer<G> {
    Granted(G),
    /// No room for this one. There may be for another that can use more.
    Later,
    /// No room for any request.
    Full,
    /// Nothing that is worth waiting for.
    Nothing,
}

/// How joining the queue ends.
pub(super) enum Joined<W, G, A> {
    Granted(G),
    Waits(Arc<Place<W, G, A>>),
    /// As many requests wait as may.
    Full,
    Nothing,
}

impl<W, G, A> Queue<W, G, A> {
    pub(super) fn new() -> Self {
        Queue(Lock::new(State {
            next: 0,
            waiting: BTreeMap::new(),
        }))
    }

    /// Gets what there is for a request, or a place behind those that arrived before it. A request
    /// that has waited before names its arrival, and waits even if `limit` others do. `offer` says
    /// what there is for a request that waits since a time, and must not lock the queue. Returns
    /// also what wakes those before it, if there was something for them.
    pub(super) fn join(
        &self,
        wish: W,
        arrival: Option<u64>,
        (limit, now): (usize, Instant),
        mut offer: impl FnMut(&W, Instant) -> Offer<G>,
    ) -> (Joined<W, G, A>, Vec<A>) {
        let mut state = self.0.lock();
        if state.waiting.is_empty() {
            match offer(&wish, now) {
                Offer::Granted(granted) => return (Joined::Granted(granted), Vec::new()),
                Offer::Nothing => return (Joined::Nothing, Vec::new()),
                Offer::Later | Offer::Full => {}
            }
        }
        let is_new = arrival.is_none();
        let arrival = arrival.unwrap_or(state.next);
        state.next = state.next.max(arrival + 1);
        let place = Arc::new(Place {
            arrival,
            since: now,
            wish,
            outcome: Lock::new(Outcome::Waits(None)),
        });
        state.waiting.insert(arrival, Arc::clone(&place));
        let woken = state.grant(offer);
        // Those before this one come first, and then there may be room for it.
        let is_left = state.waiting.contains_key(&arrival);
        let is_over = is_left && is_new && state.waiting.len() > limit;
        if is_over {
            state.waiting.remove(&arrival);
        }
        drop(state);
        let joined = match place.take() {
            _ if is_over => Joined::Full,
            Given::Granted(granted) => Joined::Granted(granted),
            Given::Refused => Joined::Nothing,
            Given::Waits => Joined::Waits(place),
        };
        (joined, woken)
    }

    /// Grants what there is, the first arrival first. Returns what wakes those that have it.
    pub(super) fn grant(&self, offer: impl FnMut(&W, Instant) -> Offer<G>) -> Vec<A> {
        self.0.lock().grant(offer)
    }

    /// Since when the first of the requests waits.
    pub(super) fn first_since(&self) -> Option<Instant> {
        let state = self.0.lock();
        let (_, first) = state.waiting.first_key_value()?;
        Some(first.since)
    }

    /// Takes a request out of the queue. Returns what it had been granted, if anything.
    pub(super) fn leave(&self, place: &Place<W, G, A>) -> Option<G> {
        self.0.lock().waiting.remove(&place.arrival);
        match place.take() {
            Given::Granted(granted) => Some(granted),
            Given::Waits | Given::Refused => None,
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().waiting.len()
    }
}

impl<W, G, A> State<W, G, A> {
    /// Grants what there is, and returns what wakes those that have it.
    fn grant(&mut self, mut offer: impl FnMut(&W, Instant) -> Offer<G>) -> Vec<A> {
        let mut woken = Vec::new();
        let mut settled = Vec::new();
        for (arrival, place) in &self.waiting {
            let outcome = match offer(&place.wish, place.since) {
                Offer::Granted(granted) => Outcome::Granted(granted),
                Offer::Nothing => Outcome::Refused,
                Offer::Later => continue,
                Offer::Full => break,
            };
            let before = std::mem::replace(&mut *place.outcome.lock(), outcome);
            settled.push(*arrival);
            if let Outcome::Waits(Some(alarm)) = before {
                woken.push(alarm);
            }
        }
        for arrival in settled {
            self.waiting.remove(&arrival);
        }
        woken
    }
}

impl<W, G, A> Place<W, G, A> {
    pub(super) fn arrival(&self) -> u64 {
        self.arrival
    }

    /// Takes what was granted.
    pub(super) fn take(&self) -> Given<G> {
        let mut outcome = self.outcome.lock();
        if matches!(*outcome, Outcome::Waits(_)) {
            return Given::Waits;
        }
        match std::mem::replace(&mut *outcome, Outcome::Refused) {
            Outcome::Granted(granted) => Given::Granted(granted),
            _ => Given::Refused,
        }
    }

    /// Whether there is nothing to wait for any more.
    pub(super) fn is_settled(&self) -> bool {
        !matches!(*self.outcome.lock(), Outcome::Waits(_))
    }

    /// Leaves what wakes the connection. Returns it if there is nothing to wait for any more.
    pub(super) fn park(&self, alarm: A) -> Option<A> {
        match &mut *self.outcome.lock() {
            Outcome::Waits(left) => {
                *left = Some(alarm);
                None
            }
            _ => Some(alarm),
        }
    }
}

impl<W, G, A> fmt::Debug for Queue<W, G, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

impl<W, G, A> fmt::Debug for Place<W, G, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("arrival", &self.arrival)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Given::{Granted, Refused, Waits};
    use super::*;
    use std::cell::Cell;
    use std::time::Duration;

    /// Requests wish for one of some kinds of things; there are so many of each kind.
    struct Things {
        left: Cell<[usize; 2]>,
        is_gone: Cell<bool>,
    }

    impl Things {
        fn new(left: [usize; 2]) -> Self {
            Things {
                left: Cell::new(left),
                is_gone: Cell::new(false),
            }
        }

        /// What there is for a request that can use all kinds, or only one.
        fn offer(&self, wish: &Option<usize>, _: Instant) -> Offer<usize> {
            if self.is_gone.get() {
                return Offer::Nothing;
            }
            let mut left = self.left.get();
            let kinds = wish.map_or(0..2, |kind| kind..kind + 1);
            let mut kinds = kinds.filter(|kind| left[*kind] > 0);
            match kinds.next() {
                Some(kind) => {
                    left[kind] -= 1;
                    self.left.set(left);
                    Offer::Granted(kind)
                }
                None if wish.is_none() => Offer::Full,
                None => Offer::Later,
            }
        }
    }

    /// Connections are woken by their numbers.
    type Waiting = Arc<Place<Option<usize>, usize, usize>>;
    type TestQueue = Queue<Option<usize>, usize, usize>;

    fn join(
        queue: &TestQueue,
        wish: Option<usize>,
        arrival: Option<u64>,
        limit: usize,
        things: &Things,
    ) -> Joined<Option<usize>, usize, usize> {
        let offer = |wish: &_, since| things.offer(wish, since);
        queue.join(wish, arrival, (limit, Instant::now()), offer).0
    }

    fn wait(queue: &TestQueue, wish: Option<usize>, things: &Things) -> Waiting {
        match join(queue, wish, None, 10, things) {
            Joined::Waits(place) => place,
            _ => panic!("it does not wait"),
        }
    }

    #[test]
    fn the_first_arrival_that_can_use_it_is_granted_what_there_is() {
        let queue = Queue::new();
        let things = Things::new([1, 0]);
        let joined = join(&queue, None, None, 10, &things);
        assert!(matches!(joined, Joined::Granted(0)));
        let waits: Vec<_> = [Some(1), None, Some(1), None]
            .into_iter()
            .map(|wish| wait(&queue, wish, &things))
            .collect();
        for (number, place) in waits.iter().enumerate() {
            assert!(place.park(number).is_none());
        }
        let grant = || queue.grant(|wish, since| things.offer(wish, since));
        let outcomes = || waits.iter().map(|place| place.take()).collect::<Vec<_>>();
        things.left.set([1, 0]);
        assert_eq!(grant(), [1]);
        assert_eq!(outcomes(), [Waits, Granted(0), Waits, Waits]);
        things.left.set([0, 2]);
        assert_eq!(grant(), [0, 2]);
        assert_eq!(outcomes(), [Granted(1), Refused, Granted(1), Waits]);
        assert_eq!(queue.len(), 1);
        // What wakes a connection and comes later is to be used at once.
        assert_eq!(waits[0].park(0), Some(0));
        things.is_gone.set(true);
        assert_eq!(grant(), [3]);
        assert_eq!(outcomes()[3], Refused);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_newcomer_does_not_overtake() {
        let queue = Queue::new();
        let things = Things::new([0, 0]);
        let first = wait(&queue, None, &things);
        // There is room again, and nothing has granted it.
        things.left.set([1, 0]);
        let second = wait(&queue, None, &things);
        assert_eq!((first.take(), second.take()), (Granted(0), Waits));
        things.left.set([2, 0]);
        let joined = join(&queue, None, None, 10, &things);
        assert!(matches!(joined, Joined::Granted(0)));
        assert_eq!(second.take(), Granted(0));
    }

    #[test]
    fn the_queue_is_bounded_and_left_at_once() {
        let queue = Queue::new();
        let things = Things::new([0, 0]);
        let join = |arrival, limit| join(&queue, None, arrival, limit, &things);
        assert!(matches!(join(None, 0), Joined::Full));
        let first = wait(&queue, None, &things);
        let second = wait(&queue, None, &things);
        assert!(matches!(join(None, 2), Joined::Full));
        assert_eq!(queue.len(), 2);
        assert_eq!(queue.leave(&first), None);
        assert_eq!(queue.len(), 1);
        things.left.set([1, 0]);
        queue.grant(|wish, since| things.offer(wish, since));
        // What it leaves with is for others.
        assert_eq!(queue.leave(&second), Some(0));
        // Back at the place it had.
        let third = wait(&queue, None, &things);
        let Joined::Waits(back) = join(Some(first.arrival()), 0) else {
            panic!("it does not wait");
        };
        things.left.set([1, 0]);
        queue.grant(|wish, since| things.offer(wish, since));
        assert_eq!((back.take(), third.take()), (Granted(0), Waits));
        things.is_gone.set(true);
        assert!(matches!(join(None, 10), Joined::Nothing));
    }

    /// A request that has waited for long enough gets what is not for others.
    #[test]
    fn late_requests_are_known_by_their_wait() {
        let queue = TestQueue::new();
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let none = |_: &_, _| Offer::Full;
        assert_eq!(queue.first_since(), None);
        let waits = [0, 4, 4, 9].map(|ms| match queue.join(None, None, (10, after(ms)), none).0 {
            Joined::Waits(place) => place,
            _ => panic!("it does not wait"),
        });
        let grant_late = |now| {
            queue.grant(|_, since| match since <= now {
                true => Offer::Granted(0),
                false => Offer::Full,
            });
            waits.iter().filter(|place| place.is_settled()).count()
        };
        assert_eq!(
            (grant_late(after(3)), queue.first_since()),
            (1, Some(after(4)))
        );
        assert_eq!(
            (grant_late(after(4)), queue.first_since()),
            (3, Some(after(9)))
        );
        assert_eq!((grant_late(after(9)), queue.first_since()), (4, None));
    }
}
