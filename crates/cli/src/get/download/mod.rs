//! Downloads to files: they resume where they stopped, and are verified.
//!
//! | module | question it answers |
//! |---|---|
//! | `resumable` | How is a file fetched, resumed and completed? |
//! | `fit` | Does a response fit what is there? |
//! | `segments` | How is it fetched over several connections? |
//! | `checksum` | Is it the right file? |

pub(super) mod resumable;
mod fit;
pub(super) mod segments;
pub(super) mod checksum;
