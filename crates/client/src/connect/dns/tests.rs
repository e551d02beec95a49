//! Tests of the stub resolver: answers that are lost, forged, truncated or wrong.

use super::*;
use simple_dns::ResourceRecord;
use simple_dns::rdata::{A, AAAA, CNAME};
use std::net::TcpListener;
use std::thread;

/// A name server on both protocols; the handler gets each query and says what to send back.
fn server(
    mut handle: impl FnMut(&Packet<'_>, bool) -> Vec<Vec<u8>> + Send + 'static,
) -> SocketAddr {
    // A port that is free for one protocol may be taken for the other.
    let both = || {
        let udp = UdpSocket::bind("127.0.0.1:0").ok()?;
        let tcp = TcpListener::bind(udp.local_addr().ok()?).ok()?;
        Some((udp, tcp))
    };
    let (udp, tcp) = (0..100)
        .find_map(|_| both())
        .expect("a port free for both protocols");
    let address = udp.local_addr().unwrap();
    let (sender, queries) = std::sync::mpsc::channel::<(Vec<u8>, Option<TcpStream>, SocketAddr)>();
    let by_tcp = sender.clone();
    let datagrams = udp.try_clone().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = datagrams.recv_from(&mut buffer) {
            let _ = sender.send((buffer[..length].to_vec(), None, from));
        }
    });
    thread::spawn(move || {
        while let Ok((mut stream, from)) = tcp.accept() {
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut query).unwrap();
            let _ = by_tcp.send((query, Some(stream), from));
        }
    });
    thread::spawn(move || {
        for (query, mut stream, from) in queries {
            let packet = Packet::parse(&query).unwrap();
            for answer in handle(&packet, stream.is_some()) {
                match &mut stream {
                    Some(stream) => {
                        let length = (answer.len() as u16).to_be_bytes();
                        stream.write_all(&[&length[..], &answer].concat()).unwrap();
                    }
                    None => drop(udp.send_to(&answer, from).unwrap()),
                }
            }
        }
    });
    address
}

fn reply(query: &Packet<'_>, change: impl FnOnce(&mut Packet<'_>)) -> Vec<u8> {
    let mut packet = Packet::new_reply(query.id());
    packet.questions = query.questions.clone();
    change(&mut packet);
    packet.build_bytes_vec_compressed().unwrap()
}

fn record(name: &'static str, rdata: RData<'static>) -> ResourceRecord<'static> {
    ResourceRecord::new(Name::new_unchecked(name), CLASS::IN, 60, rdata)
}

fn wants(query: &Packet<'_>, kind: TYPE) -> bool {
    query.questions[0].qtype == kind.into()
}

fn v4(packet: &mut Packet<'_>, name: &'static str) {
    let address = Ipv4Addr::new(192, 0, 2, 1).to_bits();
    packet.answers.push(record(name, RData::A(A { address })));
}

fn resolver(servers: Vec<SocketAddr>) -> StubResolver {
    StubResolver::new(servers).first_wait(Duration::from_millis(150))
}

fn ask(servers: Vec<SocketAddr>) -> io::Result<Vec<String>> {
    let addresses = resolver(servers).resolve("Host.Test")?;
    Ok(addresses.iter().map(ToString::to_string).collect())
}

#[test]
fn both_families_and_aliases() {
    let server = server(|query, _| {
        vec![reply(query, |packet| {
            let alias = CNAME(Name::new_unchecked("real.test"));
            packet
                .answers
                .push(record("host.test", RData::CNAME(alias)));
            if wants(query, TYPE::A) {
                v4(packet, "real.test");
                v4(packet, "unrelated.test");
            } else {
                let address = "2001:db8::1".parse::<Ipv6Addr>().unwrap().to_bits();
                packet
                    .answers
                    .push(record("real.test", RData::AAAA(AAAA { address })));
            }
        })]
    });
    assert_eq!(ask(vec![server]).unwrap(), ["2001:db8::1", "192.0.2.1"]);
}

#[test]
fn what_is_lost_is_asked_again() {
    let mut queries = 0;
    let server = server(move |query, _| {
        queries += 1;
        match queries {
            1..=3 => Vec::new(),
            _ => vec![reply(query, |packet| {
                if wants(query, TYPE::A) {
                    v4(packet, "host.test");
                }
            })],
        }
    });
    assert_eq!(ask(vec![server]).unwrap(), ["192.0.2.1"]);
}

#[test]
fn a_family_that_is_never_answered_does_not_hold_up_the_other() {
    let server = server(|query, _| match wants(query, TYPE::A) {
        true => vec![reply(query, |packet| v4(packet, "host.test"))],
        false => Vec::new(),
    });
    assert_eq!(ask(vec![server]).unwrap(), ["192.0.2.1"]);
}

#[test]
fn truncated_answers_come_by_tcp() {
    let server = server(|query, is_tcp| {
        vec![reply(query, |packet| match is_tcp {
            false => packet.set_flags(PacketFlag::TRUNCATION),
            true if wants(query, TYPE::A) => {
                (0..200).for_each(|_| v4(packet, "host.test"));
            }
            true => {}
        })]
    });
    assert_eq!(ask(vec![server]).unwrap().len(), 200);
}

#[test]
fn forged_answers_are_passed_over() {
    let server = server(|query, _| {
        let mut forged = reply(query, |packet| v4(packet, "host.test"));
        forged[1] ^= 1;
        let mut other_name = Packet::new_reply(query.id());
        other_name.questions.push(Question::new(
            Name::new_unchecked("other.test"),
            TYPE::A.into(),
            CLASS::IN.into(),
            false,
        ));
        let true_one = reply(query, |_| {});
        vec![
            forged,
            b"junk".to_vec(),
            Vec::new(),
            other_name.build_bytes_vec().unwrap(),
            true_one,
        ]
    });
    assert_eq!(ask(vec![server]).unwrap(), Vec::<String>::new());
}

#[test]
fn hosts_that_do_not_exist_and_servers_that_fail() {
    let unknown = server(|query, _| {
        vec![reply(query, |packet| {
            *packet.rcode_mut() = RCODE::NameError;
        })]
    });
    assert_eq!(
        ask(vec![unknown]).unwrap_err().kind(),
        io::ErrorKind::NotFound
    );
    let failing = server(|query, _| {
        vec![reply(query, |packet| {
            *packet.rcode_mut() = RCODE::ServerFailure;
        })]
    });
    let working = server(|query, _| {
        vec![reply(query, |packet| {
            if wants(query, TYPE::A) {
                v4(packet, "host.test");
            }
        })]
    });
    assert_eq!(ask(vec![failing, working]).unwrap(), ["192.0.2.1"]);
    let silent = server(|_, _| Vec::new());
    assert_eq!(
        ask(vec![silent]).unwrap_err().kind(),
        io::ErrorKind::TimedOut
    );
}

#[test]
fn loops_of_aliases_end() {
    let server = server(|query, _| {
        vec![reply(query, |packet| {
            for (name, other) in [("host.test", "b.test"), ("b.test", "host.test")] {
                let alias = CNAME(Name::new_unchecked(other));
                packet.answers.push(record(name, RData::CNAME(alias)));
            }
        })]
    });
    assert_eq!(ask(vec![server]).unwrap(), Vec::<String>::new());
}

#[test]
fn localhost_is_never_asked_for() {
    let addresses = resolver(Vec::new()).resolve("LocalHost").unwrap();
    assert!(addresses.iter().all(IpAddr::is_loopback) && addresses.len() == 2);
}
