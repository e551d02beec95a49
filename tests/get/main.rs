//! `tinyhttp get` as its users meet it: the built program against servers that follow a script, and
//! against real ones.
//!
//! | module | holds |
//! |---|---|
//! | `requests` | the bytes of requests: methods, fields, targets, ranges |
//! | `responses` | what becomes of a response: output, colours, filters, errors |
//! | `accounts` | reports: `-w`, `--json-out`, `--explain`, `--dry-run`, `-D`, `--pretty` |
//! | `variables` | the variables of `-w` |
//! | `habits` | the everyday lines of curl's and HTTPie's manuals |
//! | `targets` | which URLs are fetched, and which file is uploaded to each |
//! | `globs` | URLs that stand for several |
//! | `items` | HTTPie's items, nested and in forms |
//! | `forms` | `-F`: encoders, parts within parts |
//! | `bytes` | arguments that are not UTF-8 |
//! | `connections` | proxies, sockets, other addresses, other resolvers |
//! | `zones` | IPv6 addresses that are reached in a zone |
//! | `logins` | users and passwords of `-u`, URLs and netrc, along redirects |
//! | `https` | HTTPS, with a certificate authority made for the test |
//! | `redirects` | how many redirects are followed, and with what |
//! | `help` | what `-h` and `--help` say |
//! | `heads` | `-D` keeps the head of every response |
//! | `included` | `-i` shows every head |
//! | `conditions` | `-z` is judged by the client too |
//! | `peers` | HTTPS with the servers that this machine has |
//! | `cookies` | which cookies are kept, sent and written to the jar |
//! | `uploads` | uploads send exactly what they announce |
//! | `downloads` | downloads that finish and are checked |
//! | `interrupted` | downloads that are stopped and resumed |
//! | `versions` | resuming ends with the bytes of exactly one version |
//! | `landing` | where downloads land, and under which name |
//! | `replacing` | `-o` onto an existing file |
//! | `temporaries` | the temporary files of a download |
//! | `checksums` | `--checksum`, in every combination |
//! | `parts` | 206 responses that are not what was asked for |
//! | `codings` | compressed content that is cut short, padded or too large |
//! | `tolerance` | faulty responses that other clients read |
//! | `faults` | bad servers: each fault has its exit code and message |
//! | `phases` | connections that break or stall at each step |
//! | `waits` | waits that a server or a flag asks for are bounded |
//! | `terminals` | the program on a terminal, made by script(1) |
//! | `served` | `get` against `serve` |
//! | `gopher` | the documents' first client |
//! | `script` | a server that follows a script, and the program run against it |

#![cfg(test)]

mod accounts;
mod bytes;
mod checksums;
mod codings;
mod conditions;
mod connections;
mod cookies;
mod downloads;
mod faults;
mod forms;
mod globs;
mod gopher;
mod habits;
mod heads;
mod help;
mod https;
mod included;
mod interrupted;
mod items;
mod landing;
mod logins;
mod memory;
mod parts;
mod peers;
mod phases;
mod redirects;
mod replacing;
mod requests;
mod responses;
mod script;
mod served;
mod targets;
mod temporaries;
mod terminals;
mod tolerance;
mod uploads;
mod variables;
mod versions;
mod waits;
mod zones;
