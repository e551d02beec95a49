//! The guide in `www/`, as its readers get it: served by the program, read by a browser.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

#[path = "guide/browser.rs"]
mod browser;

#[path = "guide/commands.rs"]
mod commands;

#[path = "guide/html.rs"]
mod html;

#[path = "guide/links.rs"]
mod links;

#[path = "guide/pages.rs"]
mod pages;
