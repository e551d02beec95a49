//! Which connection owns a socket to an upstream server: a report of the socket is for its owner.
//!
//! The poller knows such a socket by the socket's own descriptor and is asked once. The owner
//! changes with each request, which costs an atomic exchange in the place of a system call.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

const BLOCK: usize = 256;
const BLOCKS: usize = 4096;

/// No connection owns the socket.
const NONE: u32 = 0;
/// No connection owns the socket, and it has been reported: it was closed, or bytes have come.
const REPORTED: u32 = 1;
/// The number of descriptor 0 as an owner.
const FIRST: u32 = 2;

type Block = Box<[AtomicU32]>;

/// The owner of each descriptor. Blocks are made when a descriptor first needs one.
static OWNERS: [OnceLock<Block>; BLOCKS] = [const { OnceLock::new() }; BLOCKS];

fn cell(descriptor: usize) -> Option<&'static AtomicU32> {
    let block = OWNERS.get(descriptor / BLOCK)?;
    let block = block.get_or_init(|| (0..BLOCK).map(|_| AtomicU32::new(NONE)).collect());
    block.get(descriptor % BLOCK)
}

/// Makes a connection, by its descriptor, the owner of a socket. Returns whether the socket was
/// reported while it had none; `None` if the descriptor is beyond the last one that can be watched.
pub(crate) fn set(descriptor: usize, owner: usize) -> Option<bool> {
    let owner = u32::try_from(owner).ok()?.checked_add(FIRST)?;
    Some(cell(descriptor)?.swap(owner, Ordering::AcqRel) == REPORTED)
}

/// Leaves a socket without an owner.
pub(crate) fn clear(descriptor: usize) {
    if let Some(cell) = cell(descriptor) {
        cell.store(NONE, Ordering::Release);
    }
}

/// Whether a socket without an owner has been reported.
pub(crate) fn is_reported(descriptor: usize) -> bool {
    cell(descriptor).is_some_and(|cell| cell.load(Ordering::Acquire) == REPORTED)
}

/// Notes a report of a socket, if no connection owns that: the connection that takes it next finds
/// the note, before any worker has acted on the report.
pub(super) fn note(descriptor: usize) {
    if let Some(cell) = cell(descriptor).filter(|cell| cell.load(Ordering::Acquire) == NONE) {
        // If it fails, the socket has an owner by now, which the report is for.
        let _ = cell.compare_exchange(NONE, REPORTED, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// The connection that a report of a socket is for. A report without one is noted.
pub(crate) fn owner_of(descriptor: usize) -> Option<usize> {
    let cell = cell(descriptor)?;
    let noted = cell.compare_exchange(NONE, REPORTED, Ordering::AcqRel, Ordering::Acquire);
    match noted {
        Ok(_) | Err(REPORTED) => None,
        Err(owner) => Some((owner - FIRST) as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_for_the_owner_or_noted() {
        // Descriptors that no test opens.
        let (socket, other) = (BLOCK * BLOCKS - 1, BLOCK * BLOCKS);
        assert_eq!(set(socket, 0), Some(false));
        assert_eq!(owner_of(socket), Some(0));
        assert_eq!(set(socket, 7), Some(false));
        assert_eq!(owner_of(socket), Some(7));
        clear(socket);
        assert!(!is_reported(socket));
        assert_eq!((owner_of(socket), owner_of(socket)), (None, None));
        assert!(is_reported(socket));
        clear(socket);
        note(socket);
        assert!(is_reported(socket));
        assert_eq!(set(socket, 9), Some(true));
        note(socket);
        assert_eq!(owner_of(socket), Some(9));
        clear(socket);
        assert_eq!((set(other, 1), owner_of(other)), (None, None));
        assert_eq!(set(socket, usize::MAX), None);
    }
}
