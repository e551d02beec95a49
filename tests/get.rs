//! `tinyhttp get`, as people use it: the built program against servers that say exactly what they are told to.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "get/faults.rs"]
mod faults;
#[path = "get/requests.rs"]
mod requests;
#[path = "get/responses.rs"]
mod responses;
#[path = "get/support.rs"]
mod support;
