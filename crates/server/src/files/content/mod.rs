//! What is sent of a file: its representation in a content coding, and where the bytes come from.
//!
//! A request meets these in this order:
//!
//! | module | holds |
//! |---|---|
//! | `store` | from a path to the representation that suits the client |
//! | `cache` | representations of files that are requested often |
//! | `loader` | opening and reading files, sharing descriptors |
//! | `coding` | content codings: which content is worth compressing, and how |
//! | `compression` | a file that is compressed while it is sent |
//! | `representation` | content with the fields that describe it |
//! | `source` | the trait that all content implements; memory and single files |
//! | `checksums` | CRC-32 of files, for zip archives |

pub(super) mod cache;
pub(super) mod checksums;
pub(super) mod coding;
pub(super) mod compression;
mod loader;
pub(super) mod representation;
pub(super) mod source;
pub(super) mod store;
