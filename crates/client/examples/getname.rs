//! The addresses of a host, from the resolver that the client itself uses.
//!
//! ```text
//! getname [HOST...]        google.com unless given
//! ```
//!
//! A host may have many addresses, of both families, and they come best first: a client tries them
//! in this order.

use std::process::ExitCode;
use tinyhttp_client::{Resolve, SystemResolver};

fn main() -> ExitCode {
    let mut hosts: Vec<String> = std::env::args().skip(1).collect();
    if hosts.is_empty() {
        hosts.push("google.com".to_owned());
    }
    let mut code = ExitCode::SUCCESS;
    for host in hosts {
        match SystemResolver.resolve(&host) {
            Ok(addresses) => {
                // The system tells an address once for each kind of socket; the same one need not
                // be said twice.
                let mut last = None;
                for address in addresses {
                    if last.replace(address) != Some(address) {
                        println!("The address of {host} is {address}");
                    }
                }
            }
            Err(error) => {
                eprintln!("getname: no address of {host}: {error}");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}
