//! The static-file handler.
pub(crate) mod error_page;
