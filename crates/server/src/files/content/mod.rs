//! What is sent of a file: its representations, in each content coding, and the cache of them.

pub(super) mod cache;
pub(super) mod checksums;
pub(super) mod coding;
pub(super) mod compression;
pub(super) mod representation;
pub(super) mod store;
