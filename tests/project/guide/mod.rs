//! The guide in `www/`, as its readers get it: served by the program, read by a browser.

mod commands;

mod html;

mod links;

mod pages;
