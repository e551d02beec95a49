//! Downloads to files: they resume where they stopped, and are verified.
//!
//! | module | question it answers |
//! |---|---|
//! | `resumable` | How is a file fetched, resumed and completed? |
//! | `segments` | How is it fetched over several connections? |
//! | `checksum` | Is it the right file? |

pub(super) mod checksum;
pub(super) mod resumable;
pub(super) mod segments;
