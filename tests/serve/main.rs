//! `tinyhttp serve` as its users meet it, flag by flag, and what it does while the world around it
//! misbehaves.
//!
//! | module | holds |
//! |---|---|
//! | `usage` | what a new user types: names, ports, forgotten commands |
//! | `site` | pages, redirects, ranges, codings, and mistakes on the command line, with curl |
//! | `listing` | folders without an index, in a browser, and archives of them |
//! | `middleware` | passwords, host names, redirects, and the fields of every response |
//! | `https`, `certificates` | HTTPS with curl and openssl; certificates, and their replacement |
//! | `acme` | certificates by ACME, from pebble |
//! | `watch` | pages that reload when a file changes |
//! | `gateway` | `--proxy` in front of nginx, Flask and Django |
//! | `buffering` | `--proxy-buffer-requests` |
//! | `crowds` | `--proxy` with thousands of event streams and tunnels |
//! | `descriptors` | `--proxy` without a descriptor left |
//! | `cgi` | `--cgi`: programs that are run for requests |
//! | `php` | `--fastcgi '*.php=…'` in front of PHP-FPM |
//! | `upstream_tls` | `--proxy` in front of servers that speak TLS |
//! | `qr` | `--qr` and `--open` |
//! | `freshness` | a file that changes all the time |
//! | `faults` | files that vanish, descriptors that run out, clients that reset |
//! | `starvation` | a fresh request beside a thousand slow clients |

#![cfg(test)]

#[cfg(feature = "tls")]
mod acme;
#[cfg(feature = "tls")]
mod certificates;
mod buffering;
mod crowds;
mod descriptors;
mod cgi;
mod faults;
mod freshness;
mod gateway;
#[cfg(feature = "tls")]
mod https;
mod listing;
mod middleware;
mod php;
mod qr;
mod site;
mod starvation;
#[cfg(feature = "tls")]
mod upstream_tls;
mod usage;
mod watch;
