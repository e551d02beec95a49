//! The thread that looks after upstreams: it closes idle connections, and has names looked up again
//! and health checked. Requests never wait for it, and it waits for no server.

use super::check::ask;
use super::group::Group;
use super::server::Server;
use crate::lock::Lock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// The time between two rounds.
const ROUND: Duration = Duration::from_secs(1);

/// The time after which names are looked up again.
const LOOK_UP: Duration = Duration::from_secs(5);

/// The upstreams that are looked after; `None` while no thread runs.
static GROUPS: Lock<Option<Vec<Weak<Group>>>> = Lock::new(None);

/// Looks after an upstream until it is dropped.
pub(super) fn look_after(group: &Arc<Group>) {
    let mut groups = GROUPS.lock();
    if let Some(groups) = &mut *groups {
        groups.push(Arc::downgrade(group));
        return;
    }
    let thread = std::thread::Builder::new().name("upstreams".to_owned());
    match thread.spawn(run) {
        Ok(_) => *groups = Some(vec![Arc::downgrade(group)]),
        Err(error) => log::warn!("upstream names are not looked up again: {error}"),
    }
}

fn run() {
    let start = Instant::now();
    let (mut looked_up, mut round) = (start, 0u32);
    loop {
        std::thread::sleep(ROUND);
        round = round.wrapping_add(1);
        let groups: Vec<_> = {
            let mut all = GROUPS.lock();
            let groups = all.get_or_insert_default();
            groups.retain(|group| group.strong_count() > 0);
            if groups.is_empty() {
                *all = None;
                return;
            }
            groups.iter().filter_map(Weak::upgrade).collect()
        };
        let must_look_up = looked_up.elapsed() >= LOOK_UP;
        if must_look_up {
            looked_up = Instant::now();
        }
        for group in groups {
            group.prune();
            // A server may be back because its time is over.
            group.grant();
            if must_look_up {
                look_up(&group);
            }
            if let Some(check) = &group.settings.check {
                let rounds = check.interval.as_secs().clamp(1, u64::from(u32::MAX)) as u32;
                if round % rounds == 0 {
                    check_all(&group);
                }
            }
        }
    }
}

/// Looks up the names of the servers again.
fn look_up(group: &Arc<Group>) {
    for (number, server) in group.servers().iter().enumerate() {
        if server.target.is_named() {
            begin(
                group,
                number,
                |server| &server.is_looked_up,
                |_, server| {
                    server.look_up();
                },
            );
        }
    }
}

/// Checks the health of the servers.
fn check_all(group: &Arc<Group>) {
    for number in 0..group.servers().len() {
        begin(
            group,
            number,
            |server| &server.is_checked,
            |group, server| {
                let Some(check) = &group.settings.check else {
                    return;
                };
                let result = ask(server, check);
                if let Err(error) = &result {
                    log::debug!(
                        "the check of the upstream server {} failed: {error}",
                        server.target.label()
                    );
                }
                group.checked(server, result.is_ok(), check);
            },
        );
    }
}

/// Begins work on a server that may block, on a thread of its own: a server that hangs, or a name
/// server, must not delay what is done about the others. `mark` is set until it is done, and no
/// second thread does the same for the server.
fn begin(
    group: &Arc<Group>,
    number: usize,
    mark: fn(&Server) -> &AtomicBool,
    work: fn(&Arc<Group>, &Server),
) {
    if mark(&group.servers()[number]).swap(true, Ordering::Acquire) {
        return;
    }
    let owned = Arc::clone(group);
    let thread = std::thread::Builder::new().name("upstream".to_owned());
    let spawned = thread.spawn(move || {
        let server = &owned.servers()[number];
        work(&owned, server);
        mark(server).store(false, Ordering::Release);
    });
    if let Err(error) = spawned {
        log::warn!("an upstream server is not looked after: {error}");
        mark(&group.servers()[number]).store(false, Ordering::Release);
    }
}
