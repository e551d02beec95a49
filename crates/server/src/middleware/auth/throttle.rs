//! Limits wrong passwords: a token bucket for each user name in each network, and one for each
//! network.
//!
//! A wrong password takes a token, and tokens come back with time. A client without tokens is
//! refused before anything is hashed. The bucket of a name is small: users don't mistype a password
//! ten times in a row. The bucket of a network is larger, since an office or a school may share an
//! address; it stops a client that tries one password on many names.

use super::origin::Network;
use super::queue::Share;
use crate::lock::Lock;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// The rate of guesses at one name.
const NAME: Rate = Rate {
    burst: 10,
    each: Duration::from_secs(3),
};

/// The rate of guesses from one network.
const NETWORK: Rate = Rate {
    burst: 100,
    each: Duration::from_secs(1),
};

/// The maximum number of buckets of each kind; full ones are removed first.
const BUCKETS: usize = 4096;

/// The capacity of a bucket, and the time in which one token comes back.
#[derive(Debug, Clone, Copy)]
struct Rate {
    burst: u32,
    each: Duration,
}

/// The buckets of recent guesses.
#[derive(Debug, Default)]
pub(super) struct Throttle(Lock<Buckets>);

#[derive(Debug, Default)]
struct Buckets {
    names: HashMap<Share, Bucket>,
    networks: HashMap<Network, Bucket>,
}

/// A bucket. Tokens come back at known times, so the time at which it will be full describes it
/// completely.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    full_at: Instant,
}

impl Throttle {
    /// How long the client has to wait before its next guess; zero if it has a token.
    pub(super) fn wait(&self, share: &Share, now: Instant) -> Duration {
        let buckets = self.0.lock();
        let of_name = buckets.names.get(share).map(|it| it.wait(NAME, now));
        let of_network = buckets.networks.get(&share.0);
        let of_network = of_network.map(|it| it.wait(NETWORK, now));
        of_name.max(of_network).unwrap_or_default()
    }

    /// Counts a wrong guess.
    pub(super) fn failed(&self, share: &Share, now: Instant) {
        let mut buckets = self.0.lock();
        take(&mut buckets.names, share.clone(), NAME, now);
        if share.0.is_one_customer() {
            take(&mut buckets.networks, share.0, NETWORK, now);
        }
    }
}

impl Bucket {
    fn wait(self, rate: Rate, now: Instant) -> Duration {
        let missing = self.full_at.saturating_duration_since(now);
        let room = rate.each * (rate.burst - 1);
        missing.saturating_sub(room)
    }
}

/// Takes a token out of the bucket of `key`.
fn take<K: Eq + Hash + Clone>(buckets: &mut HashMap<K, Bucket>, key: K, rate: Rate, now: Instant) {
    if buckets.len() >= BUCKETS && !buckets.contains_key(&key) {
        buckets.retain(|_, bucket| bucket.full_at > now);
    }
    if buckets.len() >= BUCKETS && !buckets.contains_key(&key) {
        // The fullest bucket is the cheapest to forget.
        let fullest = buckets.iter().min_by_key(|(_, bucket)| bucket.full_at);
        if let Some(fullest) = fullest.map(|(key, _)| key.clone()) {
            buckets.remove(&fullest);
        }
    }
    let bucket = buckets.entry(key).or_insert(Bucket { full_at: now });
    let empty_at = now + rate.each * rate.burst;
    bucket.full_at = (bucket.full_at.max(now) + rate.each).min(empty_at);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(network: Network, name: &str) -> Share {
        (network, name.into())
    }

    #[test]
    fn guesses_at_a_name_are_bounded_and_come_back() {
        let throttle = Throttle::default();
        let mut now = Instant::now();
        let ann = share(Network::V4(1), "ann");
        for _ in 0..NAME.burst {
            assert_eq!(throttle.wait(&ann, now), Duration::ZERO);
            throttle.failed(&ann, now);
        }
        assert_eq!(throttle.wait(&ann, now), NAME.each);
        for other in [
            share(Network::V4(1), "bob"),
            share(Network::V4(2), "ann"),
            share(Network::Machine(None), "ann"),
        ] {
            assert_eq!(throttle.wait(&other, now), Duration::ZERO, "{other:?}");
        }
        now += NAME.each;
        assert_eq!(throttle.wait(&ann, now), Duration::ZERO);
        throttle.failed(&ann, now);
        assert_eq!(throttle.wait(&ann, now), NAME.each);
        now += NAME.each * 100;
        for _ in 0..NAME.burst {
            assert_eq!(throttle.wait(&ann, now), Duration::ZERO);
            throttle.failed(&ann, now);
        }
    }

    #[test]
    fn guesses_at_many_names_are_bounded_where_a_network_is_one_customer() {
        let now = Instant::now();
        let table = [
            (Network::V4(1), true),
            (Network::V6(1), true),
            (Network::Machine(None), false),
        ];
        for (network, is_bounded) in table {
            let throttle = Throttle::default();
            for number in 0..NETWORK.burst {
                throttle.failed(&share(network, &number.to_string()), now);
            }
            let wait = throttle.wait(&share(network, "ann"), now);
            assert_eq!(wait == NETWORK.each, is_bounded, "{network:?}");
        }
    }

    #[test]
    fn buckets_are_bounded_and_the_emptiest_stay() {
        let throttle = Throttle::default();
        let now = Instant::now();
        let ann = share(Network::Machine(None), "ann");
        for _ in 0..NAME.burst {
            throttle.failed(&ann, now);
        }
        for number in 0..2 * BUCKETS {
            throttle.failed(&share(Network::Machine(None), &number.to_string()), now);
        }
        assert!(throttle.0.lock().names.len() <= BUCKETS);
        assert_eq!(throttle.wait(&ann, now), NAME.each);
    }
}
