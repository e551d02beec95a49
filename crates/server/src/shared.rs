//! What all workers share: the handler, the settings, the poller, the parked connections, and whether the server ends.

use crate::access_log::AccessLog;
use crate::body::OpenFile;
use crate::clients::Clients;
use crate::connection::Connection;
use crate::cores::Cores;
use crate::deadline::{Clock, Timeouts};
use crate::endpoint::Endpoint;
use crate::handler::Handler;
use crate::inbox::Inboxes;
use crate::listener::Listener;
use crate::parked::Parked;
use crate::poller::{Interest, Poller};
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tinyhttp_message::Limits;

/// What can be set.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) timeouts: Timeouts,
    pub(crate) limits: Limits,
    pub(crate) max_connections: usize,
    pub(crate) max_connections_per_client: Option<usize>,
    pub(crate) access_log: Option<AccessLog>,
}

/// Serving, then draining (busy connections finish), then stopped.
const SERVING: u8 = 0;
const DRAINING: u8 = 1;
const STOPPED: u8 = 2;

pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) handler: Box<dyn Handler>,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) poller: Poller,
    pub(crate) parked: Parked<Connection>,
    pub(crate) clients: Arc<Clients>,
    pub(crate) clock: Clock,
    pub(crate) cores: Cores,
    pub(crate) inboxes: Inboxes,
    /// Readable once everyone has to wake up and end.
    pub(crate) bell: OwnedFd,
    /// How many workers there have been.
    workers: AtomicUsize,
    stage: AtomicU8,
    connections: AtomicUsize,
    /// The poller keeps silent about the listeners, because there was no room for another connection.
    accepting_paused: AtomicBool,
    /// Whoever changes that, and arms the listeners accordingly.
    accepting: Mutex<()>,
    /// For the keeper, which sleeps while there is nothing to keep.
    keeper: Mutex<()>,
    /// It sleeps, and was idle before.
    keeper_sleeps: AtomicBool,
    wake_keeper: Condvar,
}

impl Shared {
    pub(crate) fn new(
        settings: Settings,
        handler: Box<dyn Handler>,
        listeners: Vec<Listener>,
    ) -> io::Result<Self> {
        let (each, all) = (
            settings.max_connections_per_client,
            settings.max_connections,
        );
        Ok(Shared {
            clients: Clients::new(each, all),
            settings,
            handler,
            listeners,
            poller: Poller::new()?,
            parked: Parked::new(),
            clock: Clock::new(),
            cores: Cores::new(),
            inboxes: Inboxes::default(),
            bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            workers: AtomicUsize::new(0),
            stage: AtomicU8::new(SERVING),
            connections: AtomicUsize::new(0),
            accepting_paused: AtomicBool::new(false),
            accepting: Mutex::new(()),
            keeper: Mutex::new(()),
            keeper_sleeps: AtomicBool::new(false),
            wake_keeper: Condvar::new(),
        })
    }

    pub(crate) fn address(&self, listener: u16) -> Endpoint {
        self.listeners[usize::from(listener)].endpoint()
    }

    /// A number for another worker.
    pub(crate) fn number_worker(&self) -> usize {
        self.workers.fetch_add(1, Ordering::Relaxed)
    }

    /// Goes on to a later stage, never back.
    fn enter(&self, stage: u8) {
        self.stage.fetch_max(stage, Ordering::SeqCst);
        self.notify_keeper();
    }

    pub(crate) fn drain(&self) {
        self.enter(DRAINING);
    }

    pub(crate) fn stop(&self) {
        self.enter(STOPPED);
        // The counter can only be full if it has been rung already.
        let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.stage.load(Ordering::Relaxed) >= DRAINING
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.stage.load(Ordering::Relaxed) == STOPPED
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn is_full(&self) -> bool {
        // A file that is sent to a slow reader takes a descriptor as a connection does.
        self.connections.load(Ordering::Relaxed) + OpenFile::count()
            >= self.settings.max_connections
    }

    /// A connection has been accepted.
    pub(crate) fn opened(&self) {
        let was_alone = self.connections.fetch_add(1, Ordering::SeqCst) == 0;
        if was_alone && self.keeper_sleeps.load(Ordering::SeqCst) {
            self.notify_keeper();
        }
    }

    /// A connection is gone.
    pub(crate) fn closed(&self) {
        self.connections.fetch_sub(1, Ordering::SeqCst);
        self.resume_accepting();
        if self.is_draining() {
            self.notify_keeper();
        }
    }

    /// Leaves the listeners alone until a connection is closed or the keeper comes by.
    pub(crate) fn pause_accepting(&self, why: Option<&io::Error>) {
        let changing = self.change_accepting();
        if !self.accepting_paused.swap(true, Ordering::SeqCst) {
            match why {
                Some(error) => log::warn!("no more connections can be accepted for now: {error}"),
                None => log::warn!(
                    "no more than {} connections are kept; others wait",
                    self.settings.max_connections
                ),
            }
            self.arm_listeners(Interest::Nothing);
        }
        drop(changing);
        self.notify_keeper();
    }

    /// Accepts again, if that was paused.
    pub(crate) fn resume_accepting(&self) {
        if !self.accepting_paused.load(Ordering::Relaxed) {
            return;
        }
        let _changing = self.change_accepting();
        if self.accepting_paused.swap(false, Ordering::SeqCst) {
            self.arm_listeners(Interest::Acceptable);
        }
    }

    fn change_accepting(&self) -> MutexGuard<'_, ()> {
        self.accepting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn notify_keeper(&self) {
        drop(self.keeper.lock().unwrap_or_else(PoisonError::into_inner));
        self.wake_keeper.notify_all();
    }

    /// Whether nobody has to keep the time.
    fn is_idle(&self) -> bool {
        self.connections() == 0
            && !self.accepting_paused.load(Ordering::SeqCst)
            && !self.is_draining()
    }

    /// The keeper's sleep: a tick long, or until there is something to keep if there was nothing at the last tick and there is
    /// nothing now. (Where connections come and go all the time, there is often none for a moment: waking the keeper for each
    /// would cost more than the tick.) Whether there is nothing.
    pub(crate) fn sleep(&self, tick: Duration, was_idle: bool) -> bool {
        let guard = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        self.keeper_sleeps.store(was_idle, Ordering::SeqCst);
        if was_idle && self.is_idle() {
            drop(self.wake_keeper.wait(guard));
        } else if !self.has_stopped() {
            drop(self.wake_keeper.wait_timeout(guard, tick));
        }
        self.keeper_sleeps.store(false, Ordering::SeqCst);
        self.is_idle()
    }
}
