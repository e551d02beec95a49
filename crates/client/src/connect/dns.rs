//! A stub resolver: asks name servers itself, over UDP, instead of asking the system (RFC 1035).
//!
//! ```text
//! client                                  name server
//! A? example.org, AAAA? example.org  ──▶
//!                                    ◀──  A 192.0.2.1
//!         (lost)                     ✗──  AAAA 2001:db8::1
//! … 1 s, then again, then 2 s, 4 s
//! AAAA? example.org                  ──▶
//!                                    ◀──  truncated: too long for a datagram
//! AAAA? example.org    by TCP        ══▶
//!                                    ◀══  AAAA 2001:db8::1, …
//! ```
//!
//! UDP promises nothing, so each question has a number that its answer repeats, the wait doubles
//! with each attempt, and datagrams that answer no question that was asked are not looked at twice.

use super::resolve::Resolve;
use crate::random;
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, RCODE, TYPE};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// How long the first attempt waits; each further one twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Attempts at each server.
const ATTEMPTS: u32 = 3;
/// Names that stand for other names, one after another, before it must be a loop.
const ALIASES: usize = 16;

/// Asks the given name servers, in turn, for addresses of both families.
#[derive(Debug, Clone)]
pub struct StubResolver {
    servers: Vec<SocketAddr>,
    first_wait: Duration,
}

impl StubResolver {
    /// A resolver that asks these servers.
    #[must_use]
    pub fn new(servers: Vec<SocketAddr>) -> Self {
        StubResolver {
            servers,
            first_wait: FIRST_WAIT,
        }
    }

    /// Sets how long to wait for the first answer; 1 s unless set.
    #[must_use]
    pub fn first_wait(mut self, wait: Duration) -> Self {
        self.first_wait = wait;
        self
    }
}

impl Resolve for StubResolver {
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        if name == "localhost" || name.ends_with(".localhost") {
            // That is never asked for (RFC 6761 §6.3).
            return Ok(vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]);
        }
        let mut lookup = Lookup::new(&name)?;
        let mut failure = io::Error::other("there is no name server to ask");
        let mut wait = self.first_wait;
        for _ in 0..ATTEMPTS {
            for server in &self.servers {
                match lookup.ask(*server, wait) {
                    Ok(()) if lookup.is_answered() => return lookup.addresses(),
                    // Some servers never answer for one of the families: the other one's addresses
                    // will do.
                    Ok(()) if lookup.has_addresses() => return lookup.addresses(),
                    Ok(()) => {
                        failure = io::Error::new(
                            io::ErrorKind::TimedOut,
                            format!("the name server {server} did not answer"),
                        );
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
                    Err(error) => failure = error,
                }
            }
            wait *= 2;
        }
        Err(failure)
    }
}

/// One name's questions and what has been answered.
struct Lookup<'n> {
    name: &'n str,
    questions: [Asked; 2],
}

struct Asked {
    kind: TYPE,
    id: u16,
    answer: Option<Vec<IpAddr>>,
}

/// What an answer is worth.
enum Verdict {
    Addresses(Vec<IpAddr>),
    Truncated,
    /// The server can't or won't say.
    Failed(io::Error),
    /// It answers nothing that was asked.
    Foreign,
}

impl<'n> Lookup<'n> {
    fn new(name: &'n str) -> io::Result<Self> {
        Name::new(name).map_err(|_| io::Error::other("that can't be a host's name"))?;
        // An attacker that can't see the question can't forge its answer.
        let random = random::number();
        let asked = |kind, id| Asked {
            kind,
            id,
            answer: None,
        };
        Ok(Lookup {
            name,
            questions: [
                asked(TYPE::AAAA, random as u16),
                asked(TYPE::A, (random >> 16) as u16),
            ],
        })
    }

    fn is_answered(&self) -> bool {
        self.questions.iter().all(|asked| asked.answer.is_some())
    }

    fn has_addresses(&self) -> bool {
        self.questions
            .iter()
            .any(|asked| asked.answer.as_ref().is_some_and(|list| !list.is_empty()))
    }

    fn addresses(self) -> io::Result<Vec<IpAddr>> {
        let lists = self.questions.into_iter().filter_map(|asked| asked.answer);
        Ok(lists.flatten().collect())
    }

    /// Sends the questions without an answer, and receives answers for the time of `wait`.
    fn ask(&mut self, server: SocketAddr, wait: Duration) -> io::Result<()> {
        let local: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        // A connected socket takes datagrams of that server only.
        let socket = UdpSocket::bind(local)?;
        socket.connect(server)?;
        for asked in self.questions.iter().filter(|asked| asked.answer.is_none()) {
            socket.send(&self.question(asked)?)?;
        }
        let until = Instant::now() + wait;
        let mut buffer = [0; 4096];
        while !self.is_answered() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            socket.set_read_timeout(Some(left))?;
            match socket.recv(&mut buffer) {
                Ok(length) => self.take(&buffer[..length], server, wait)?,
                Err(error) if is_timeout(&error) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn take(&mut self, datagram: &[u8], server: SocketAddr, wait: Duration) -> io::Result<()> {
        for index in 0..self.questions.len() {
            let asked = &self.questions[index];
            if asked.answer.is_some() {
                continue;
            }
            let mut verdict = judge(datagram, self.name, asked);
            if matches!(verdict, Verdict::Truncated) {
                let message = self.ask_by_tcp(server, asked, wait)?;
                verdict = judge(&message, self.name, asked);
            }
            match verdict {
                Verdict::Foreign => {}
                Verdict::Addresses(list) => self.questions[index].answer = Some(list),
                Verdict::Failed(error) => return Err(error),
                Verdict::Truncated => {
                    return Err(io::Error::other("the answer is cut short even over TCP"));
                }
            }
        }
        Ok(())
    }

    fn question(&self, asked: &Asked) -> io::Result<Vec<u8>> {
        let mut packet = Packet::new_query(asked.id);
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        let name = Name::new(self.name).map_err(io::Error::other)?;
        let question = Question::new(name, asked.kind.into(), CLASS::IN.into(), false);
        packet.questions.push(question);
        packet.build_bytes_vec().map_err(io::Error::other)
    }

    /// Over TCP each message has its length before it (RFC 1035 §4.2.2).
    fn ask_by_tcp(&self, server: SocketAddr, asked: &Asked, wait: Duration) -> io::Result<Vec<u8>> {
        let question = self.question(asked)?;
        let mut stream = TcpStream::connect_timeout(&server, wait)?;
        stream.set_read_timeout(Some(wait))?;
        stream.set_write_timeout(Some(wait))?;
        // A question is some three hundred bytes at most.
        let mut message = (question.len() as u16).to_be_bytes().to_vec();
        message.extend(question);
        stream.write_all(&message)?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    }
}

fn judge(message: &[u8], name: &str, asked: &Asked) -> Verdict {
    use simple_dns::header_buffer;
    let is_flagged = |flag| header_buffer::has_flags(message, flag).unwrap_or(false);
    if header_buffer::id(message) != Ok(asked.id) || !is_flagged(PacketFlag::RESPONSE) {
        return Verdict::Foreign;
    }
    if is_flagged(PacketFlag::TRUNCATION) {
        return Verdict::Truncated;
    }
    let Ok(packet) = Packet::parse(message) else {
        return Verdict::Foreign;
    };
    let is_ours = packet.questions.first().is_some_and(|question| {
        question.qtype == asked.kind.into() && is_same(&question.qname, name)
    });
    if !is_ours {
        return Verdict::Foreign;
    }
    match packet.rcode() {
        RCODE::NoError => Verdict::Addresses(follow(&packet, name)),
        RCODE::NameError => Verdict::Failed(io::Error::new(
            io::ErrorKind::NotFound,
            "the name server knows no such host",
        )),
        code => Verdict::Failed(io::Error::other(format!(
            "the name server responded with {code:?}"
        ))),
    }
}

/// The addresses in an answer to the question with that number, for the fuzz target; `None` if it
/// answers another one.
#[cfg(fuzzing)]
pub fn addresses_in_answer(message: &[u8], name: &str, id: u16) -> Option<Vec<IpAddr>> {
    let judged = [TYPE::A, TYPE::AAAA].map(|kind| {
        let asked = Asked {
            kind,
            id,
            answer: None,
        };
        match judge(message, name, &asked) {
            Verdict::Addresses(list) => Some(list),
            Verdict::Truncated | Verdict::Failed(_) | Verdict::Foreign => None,
        }
    });
    judged.into_iter().flatten().next()
}

/// The addresses of the name, or of the name that it stands for.
fn follow(packet: &Packet<'_>, name: &str) -> Vec<IpAddr> {
    let mut name = name.to_owned();
    for _ in 0..ALIASES {
        let records = || {
            packet
                .answers
                .iter()
                .filter(|record| is_same(&record.name, &name))
        };
        let addresses: Vec<IpAddr> = records()
            .filter_map(|record| match &record.rdata {
                RData::A(a) => Some(Ipv4Addr::from_bits(a.address).into()),
                RData::AAAA(aaaa) => Some(Ipv6Addr::from_bits(aaaa.address).into()),
                _ => None,
            })
            .collect();
        if !addresses.is_empty() {
            return addresses;
        }
        let alias = records().find_map(|record| match &record.rdata {
            RData::CNAME(alias) => Some(alias.0.to_string()),
            _ => None,
        });
        match alias {
            Some(alias) => name = alias,
            None => break,
        }
    }
    Vec::new()
}

fn is_same(name: &Name<'_>, text: &str) -> bool {
    name.to_string().eq_ignore_ascii_case(text)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

#[cfg(test)]
mod tests;
