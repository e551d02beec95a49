//! Answers every datagram with its length, except those that it loses, on purpose and always the
//! same ones.
//!
//! ```text
//! udp_echo [PORT [LOSS [SEED [ADDRESS]]]]        1060, 50 percent, 2 and 127.0.0.1 unless given;
//!                                                port 0 lets the system choose
//! ```
//!
//! Real networks lose datagrams, but never when one is looking. With the same seed, the same
//! datagrams of a run are lost, so that what a client does about it can be tried, and tried again.
//! `udp_backoff` is such a client; with seed 2 it has to ask three times.

use std::io;
use std::net::UdpSocket;

/// Room for the largest datagram; what doesn't fit would be lost without a word.
const LARGEST: usize = 65_535;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Err(error) = serve(&arguments) {
        eprintln!("udp_echo: {error}");
        std::process::exit(1);
    }
}

fn serve(arguments: &[String]) -> io::Result<()> {
    let argument = |at: usize, default| arguments.get(at).map_or(default, String::as_str);
    let port: u16 = argument(0, "1060").parse().map_err(io::Error::other)?;
    let loss: u64 = argument(1, "50").parse().map_err(io::Error::other)?;
    let mut dice = Dice(argument(2, "2").parse().map_err(io::Error::other)?);
    let socket = UdpSocket::bind((argument(3, "127.0.0.1"), port))?;
    println!("Listening at {}", socket.local_addr()?);
    let mut buffer = vec![0; LARGEST];
    loop {
        let (length, client) = socket.recv_from(&mut buffer)?;
        if dice.throw() % 100 < loss {
            println!("Pretending to drop a packet from {client}");
            continue;
        }
        // The debug form escapes everything that a terminal would obey.
        let text = String::from_utf8_lossy(&buffer[..length]);
        println!("The client at {client} says {text:?}");
        let answer = format!("Your data was {length} bytes");
        if let Err(error) = socket.send_to(answer.as_bytes(), client) {
            eprintln!("udp_echo: {client}: {error}");
        }
    }
}

/// SplitMix64: numbers that look random, and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
