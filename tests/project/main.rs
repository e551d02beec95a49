//! The repository itself: its boundaries, its README, its guide, its examples.
//!
//! | module | holds |
//! |---|---|
//! | `architecture` | boundaries between and within the crates, and how the source reads |
//! | `readme` | every command that the README shows |
//! | `tasks` | every line that is compared with other libraries is compiled |
//! | `dependencies` | how many crates a program gets with the server |
//! | `documents` | every path and every target of `make` that the documents name |
//! | `flags` | every flag that README, documents and guide name |
//! | `manual` | man pages and shell completions |
//! | `guide` | the guide in `www/`, served and read by a browser |
//! | `palette` | the colours that the guide shares with the server |
//! | `fuzzing` | every fuzz target is listed and has seeds |
//! | `packages` | what is published: licences, READMEs, metadata |
//! | `examples` | the example programs of the crates |

#![cfg(test)]

mod architecture;
mod dependencies;
mod documents;
mod examples;
mod flags;
mod fuzzing;
mod guide;
mod manual;
mod packages;
mod palette;
mod readme;
mod tasks;
