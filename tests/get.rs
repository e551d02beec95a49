//! `tinyhttp get`, as people use it: the built program against servers that say exactly what they are told to.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "get/faults.rs"]
mod faults;
#[path = "get/requests.rs"]
mod requests;
#[path = "get/responses.rs"]
mod responses;
#[path = "get/script.rs"]
mod script;
#[path = "get/served.rs"]
mod served;
mod support;
