//! Which of several upstream servers gets a request.

use std::hash::{DefaultHasher, Hash, Hasher};

/// How requests are distributed over the servers of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Balance {
    /// In turns, in the proportion of the weights.
    #[default]
    RoundRobin,
    /// To the server with the fewest requests under way, in proportion to its weight.
    LeastConnections,
    /// To the less busy one of two servers that are chosen at random.
    TwoChoices,
    /// By the client's address: the same client gets the same server, as long as that is healthy.
    Client,
    /// By the value of this cookie, or by the client's address if it has none.
    Cookie(String),
}

impl Balance {
    /// Whether the same client gets the same server.
    pub(crate) fn is_by_client(&self) -> bool {
        matches!(self, Balance::Client | Balance::Cookie(_))
    }
}

/// A server that may get the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    /// Its number among all servers of the upstream.
    pub(crate) number: usize,
    pub(crate) weight: u32,
    /// Requests under way.
    pub(crate) active: usize,
}

/// The candidates that get requests in this turn. `part` says which part of its share a server
/// gets, by its number. If no server would get the request, all may.
pub(crate) fn admitted(
    candidates: Vec<Candidate>,
    turn: usize,
    part: impl Fn(usize) -> f64,
) -> Vec<Candidate> {
    let admits = |candidate: &&Candidate| {
        // Uniform in [0, 1), and not in step with the turns.
        let hash = hash_of((turn, candidate.number));
        ((hash >> 11) as f64 / (1u64 << 53) as f64) < part(candidate.number)
    };
    let admitted: Vec<_> = candidates.iter().filter(admits).copied().collect();
    match admitted.is_empty() {
        true => candidates,
        false => admitted,
    }
}

/// Chooses among candidates. `turn` counts the choices, `random` is a random number, and `key`
/// identifies the client. `None`: there are no candidates.
pub(crate) fn choose(
    balance: &Balance,
    candidates: &[Candidate],
    turn: usize,
    random: u64,
    key: u64,
) -> Option<usize> {
    let (first, rest) = candidates.split_first()?;
    if rest.is_empty() {
        return Some(first.number);
    }
    let pair;
    let chosen = match balance {
        Balance::RoundRobin => in_turn(candidates, turn),
        Balance::LeastConnections => least(candidates, turn),
        Balance::TwoChoices => {
            let one = random as usize % candidates.len();
            let step = 1 + (random >> 32) as usize % (candidates.len() - 1);
            pair = [candidates[one], candidates[(one + step) % candidates.len()]];
            least(&pair, 0)
        }
        Balance::Client | Balance::Cookie(_) => by_key(candidates, key),
    };
    chosen.or(Some(first)).map(|candidate| candidate.number)
}

/// Weighted round robin without a lock: the turn counts through the sum of the weights, in steps
/// that spread each server's share.
fn in_turn(candidates: &[Candidate], turn: usize) -> Option<&Candidate> {
    let sum: usize = candidates.iter().map(|it| it.weight as usize).sum();
    // A step without a common divisor visits each number once before it repeats.
    let golden = (sum as f64 * 0.618) as usize;
    let step = (golden.max(1)..=golden.max(1) + sum).find(|step| divisor(*step, sum) == 1)?;
    let step = match candidates
        .iter()
        .all(|it| it.weight == candidates[0].weight)
    {
        true => candidates[0].weight as usize,
        false => step,
    };
    let mut at = turn.wrapping_mul(step) % sum;
    candidates.iter().find(|candidate| {
        let is_here = at < candidate.weight as usize;
        at = at.wrapping_sub(candidate.weight as usize);
        is_here
    })
}

fn divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// The candidate with the fewest requests for its weight; among equals, the one whose turn it is.
fn least(candidates: &[Candidate], turn: usize) -> Option<&Candidate> {
    let start = turn % candidates.len();
    let (before, from) = candidates.split_at(start);
    from.iter().chain(before).min_by(|a, b| {
        let load = |one: &Candidate, other: &Candidate| {
            (one.active as u64 + 1).saturating_mul(u64::from(other.weight))
        };
        load(a, b).cmp(&load(b, a))
    })
}

/// Rendezvous hashing: each server scores each key, and the best score wins. When a server goes,
/// only its own keys move.
fn by_key(candidates: &[Candidate], key: u64) -> Option<&Candidate> {
    let score = |candidate: &Candidate| {
        let hash = hash_of((key, candidate.number));
        // Uniform in (0, 1]; the logarithm makes the weights proportional.
        let uniform = ((hash >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
        f64::from(candidate.weight) / -uniform.ln().min(-f64::MIN_POSITIVE)
    };
    candidates
        .iter()
        .max_by(|a, b| score(a).total_cmp(&score(b)))
}

/// A hash that is the same in each process, so that several instances choose alike.
pub(crate) fn hash_of(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(weights: &[u32]) -> Vec<Candidate> {
        let numbered = weights.iter().enumerate();
        numbered
            .map(|(number, weight)| Candidate {
                number,
                weight: *weight,
                active: 0,
            })
            .collect()
    }

    /// How often each server is chosen in `number` choices.
    fn counts(balance: &Balance, candidates: &[Candidate], number: usize) -> Vec<usize> {
        let mut counts = vec![0; candidates.len()];
        for turn in 0..number {
            let random = hash_of(turn);
            counts[choose(balance, candidates, turn, random, random).unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn round_robin_follows_the_weights() {
        let table: [(&[u32], usize, &[usize]); 5] = [
            (&[1], 3, &[3]),
            (&[1, 1], 4, &[2, 2]),
            (&[1, 1, 1], 9, &[3, 3, 3]),
            (&[3, 1], 8, &[6, 2]),
            (&[2, 2, 4], 16, &[4, 4, 8]),
        ];
        for (weights, number, expected) in table {
            let found = counts(&Balance::RoundRobin, &candidates(weights), number);
            assert_eq!(found, expected, "{weights:?}");
        }
        // One after the other, not in runs.
        let three = candidates(&[5, 5, 5]);
        let order: Vec<_> = (0..6)
            .filter_map(|turn| choose(&Balance::RoundRobin, &three, turn, 0, 0))
            .collect();
        assert_eq!(order, [0, 1, 2, 0, 1, 2]);
    }

    /// A server that gets a part of its share leaves the rest to the others, whatever the policy.
    #[test]
    fn a_part_of_a_share_is_that_part_of_the_requests() {
        let policies = [
            Balance::RoundRobin,
            Balance::LeastConnections,
            Balance::TwoChoices,
        ];
        // The weights, the part that the first server gets, and its requests of 4,000.
        let table: [(&[u32], f64, usize); 7] = [
            (&[1, 1], 1.0, 2000),
            (&[1, 1], 0.5, 1000),
            (&[1, 1], 0.1, 200),
            (&[1, 1], 0.0, 0),
            (&[1, 1, 1, 1], 0.5, 500),
            (&[1], 0.1, 4000),
            (&[2, 2], 0.25, 500),
        ];
        for policy in &policies {
            for (weights, part, expected) in table {
                let all = candidates(weights);
                let of = |number| if number == 0 { part } else { 1.0 };
                let chosen = (0..4000).filter(|turn| {
                    let admitted = admitted(all.clone(), *turn, of);
                    choose(policy, &admitted, *turn, hash_of(*turn), 0) == Some(0)
                });
                let count = chosen.count();
                assert!(
                    count.abs_diff(expected) < 150,
                    "{policy:?} {weights:?} {part}: {count}"
                );
            }
        }
    }

    #[test]
    fn the_least_busy_server_is_chosen() {
        let mut all = candidates(&[1, 1, 4]);
        (all[0].active, all[1].active, all[2].active) = (1, 2, 4);
        let least = |all: &[Candidate]| choose(&Balance::LeastConnections, all, 0, 0, 0);
        assert_eq!(least(&all), Some(2));
        all[2].active = 8;
        assert_eq!(least(&all), Some(0));
        assert_eq!(least(&[]), None);
        let busy = counts(&Balance::TwoChoices, &all[..2], 100);
        assert_eq!(busy, [100, 0]);
        let even = counts(&Balance::TwoChoices, &candidates(&[1, 1, 1, 1]), 4000);
        assert!(
            even.iter().all(|count| (800..1200).contains(count)),
            "{even:?}"
        );
    }

    #[test]
    fn only_the_keys_of_a_server_that_goes_move() {
        let all = candidates(&[1, 1, 1, 3]);
        let chosen = |all: &[Candidate], key| choose(&Balance::Client, all, 0, 0, key).unwrap();
        let mut counts = [0; 4];
        for key in 0..6000 {
            let before = chosen(&all, key);
            counts[before] += 1;
            assert_eq!(before, chosen(&all, key));
            let after = chosen(&all[1..], key);
            assert!(before == 0 || after == before, "{key}");
        }
        let expected = [1000, 1000, 1000, 3000];
        let is_near = |(count, expected): (&usize, usize)| count.abs_diff(expected) < 150;
        assert!(counts.iter().zip(expected).all(is_near), "{counts:?}");
    }
}
