//! Where bytes end up: on a terminal, in a pipe, or in a file that is never half a file.
//!
//! | module | question it answers |
//! |---|---|
//! | `destination` | Where does the content go? |
//! | `names` | Which name does a file get that the URL or the server names? |
//! | `sink` | How does content get there as it arrives? |
//! | `partial_file` | Where is a file while it is incomplete? |
//! | `temporary`, `version` | Under which names, and of which version? |
//! | `replace` | How does it take the place of an older file? |
//! | `kept` | What stays after Ctrl-C? |
//! | `received` | What of a response is not content? |
//! | `heads`, `entity_tag` | Which parts of the head are kept? (`-D`, `--etag-save`) |
//! | `terminal`, `json` | What may a terminal see? |
//! | `progress` | How far is it? |

pub(super) mod destination;
pub(super) mod entity_tag;
pub(super) mod heads;
pub(super) mod json;
pub(super) mod kept;
pub(super) mod names;
pub(super) mod partial_file;
pub(super) mod progress;
pub(super) mod received;
pub(super) mod replace;
pub(super) mod sink;
pub(super) mod temporary;
pub(super) mod terminal;
pub(super) mod version;
