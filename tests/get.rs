//! `tinyhttp get`, as people use it: the built program against servers that say exactly what they are told to, and against
//! real ones.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "get/accounts.rs"]
mod accounts;
#[path = "get/checksums.rs"]
mod checksums;
#[path = "get/codings.rs"]
mod codings;
#[path = "get/connections.rs"]
mod connections;
#[path = "get/cookies.rs"]
mod cookies;
#[path = "get/downloads.rs"]
mod downloads;
#[path = "get/faults.rs"]
mod faults;
#[path = "get/gopher.rs"]
mod gopher;
#[path = "get/habits.rs"]
mod habits;
#[path = "get/https.rs"]
mod https;
#[path = "get/interrupted.rs"]
mod interrupted;
#[path = "get/landing.rs"]
mod landing;
#[path = "get/parts.rs"]
mod parts;
#[path = "get/peers.rs"]
mod peers;
#[path = "get/phases.rs"]
mod phases;
#[path = "get/replacing.rs"]
mod replacing;
#[path = "get/requests.rs"]
mod requests;
#[path = "get/responses.rs"]
mod responses;
#[path = "get/script.rs"]
mod script;
#[path = "get/served.rs"]
mod served;
mod support;
#[path = "get/temporaries.rs"]
mod temporaries;
#[path = "get/terminals.rs"]
mod terminals;
#[path = "get/tolerance.rs"]
mod tolerance;
#[path = "get/uploads.rs"]
mod uploads;
#[path = "get/versions.rs"]
mod versions;
#[path = "get/waits.rs"]
mod waits;
