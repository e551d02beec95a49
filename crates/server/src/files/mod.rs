//! The static-file handler.
