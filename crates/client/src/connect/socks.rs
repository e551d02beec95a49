//! SOCKS 4, 4a and 5: a proxy that passes bytes on and knows nothing of HTTP (RFC 1928, RFC 1929).
//!
//! ```text
//! version 5: client                          proxy
//! 05 01 00          I can do without a password
//!                                            05 00     so can I
//! 05 01 00 03 …     connect to that host and port
//!                                            05 00 00 01 …   done: from now on, that is the server
//!
//! version 4: client                          proxy
//! 04 01 port address user 00                 00 5a …         done
//! 04 01 port 00 00 00 01 user 00 name 00     (4a: the proxy looks up the name)
//! ```

use crate::credentials::Credentials;
use std::io::{self, Read, Write};
use std::net::IpAddr;

const VERSION: u8 = 5;
const NO_PASSWORD: u8 = 0;
const PASSWORD: u8 = 2;
const NO_ACCEPTABLE_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const VERSION_4: u8 = 4;
/// The address that says that a name follows (SOCKS 4a).
const NAME_FOLLOWS: [u8; 4] = [0, 0, 0, 1];
/// The reply of version 4 to a request that is carried out.
const GRANTED: u8 = 90;

/// Where the proxy is asked to connect to.
pub(crate) enum Destination<'d> {
    Address(IpAddr),
    Name(&'d str),
}

/// Asks for a connection in version 5; afterwards the stream leads to the destination.
pub(crate) fn ask(
    stream: &mut (impl Read + Write),
    destination: &Destination<'_>,
    port: u16,
    credentials: Option<&Credentials>,
) -> io::Result<()> {
    let methods: &[u8] = match credentials {
        None => &[VERSION, 1, NO_PASSWORD],
        Some(_) => &[VERSION, 2, NO_PASSWORD, PASSWORD],
    };
    stream.write_all(methods)?;
    stream.flush()?;
    let [version, method] = read(stream)?;
    if version != VERSION {
        return Err(io::Error::other("it does not speak SOCKS 5"));
    }
    match (method, credentials) {
        (NO_PASSWORD, _) => {}
        (PASSWORD, Some(credentials)) => log_in(stream, credentials)?,
        (NO_ACCEPTABLE_METHOD, None) => {
            return Err(io::Error::other("it wants a user and a password"));
        }
        _ => {
            return Err(io::Error::other(
                "it wants a way to log in that is not known here",
            ));
        }
    }
    let mut request = vec![VERSION, CONNECT, 0];
    match destination {
        Destination::Address(IpAddr::V4(address)) => {
            request.push(1);
            request.extend(address.octets());
        }
        Destination::Address(IpAddr::V6(address)) => {
            request.push(4);
            request.extend(address.octets());
        }
        Destination::Name(name) => {
            request.push(3);
            push_counted(&mut request, name.as_bytes())?;
        }
    }
    request.extend(port.to_be_bytes());
    stream.write_all(&request)?;
    stream.flush()?;
    let [version, reply, _, kind] = read(stream)?;
    if version != VERSION {
        return Err(io::Error::other("its answer is not SOCKS 5"));
    }
    if reply != 0 {
        return Err(io::Error::other(meaning(reply)));
    }
    // The address from which the proxy connects is of no use here, but it has to be read.
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => {
            let [length] = read(stream)?;
            usize::from(length)
        }
        _ => {
            return Err(io::Error::other(
                "its answer has an unknown kind of address",
            ));
        }
    };
    stream.read_exact(&mut vec![0; length + 2])
}

/// Asks for a connection in version 4, which reaches IPv4 addresses and, as 4a, names. It has no
/// passwords.
pub(crate) fn ask_version_4(
    stream: &mut (impl Read + Write),
    destination: &Destination<'_>,
    port: u16,
    credentials: Option<&Credentials>,
) -> io::Result<()> {
    let mut request = vec![VERSION_4, CONNECT];
    request.extend(port.to_be_bytes());
    match destination {
        Destination::Address(IpAddr::V4(address)) => request.extend(address.octets()),
        Destination::Address(IpAddr::V6(_)) => {
            return Err(io::Error::other("SOCKS 4 can't reach IPv6 addresses"));
        }
        Destination::Name(_) => request.extend(NAME_FOLLOWS),
    }
    let user = credentials.map_or(&[][..], |credentials| &credentials.user);
    push_terminated(&mut request, user)?;
    if let Destination::Name(name) = destination {
        push_terminated(&mut request, name.as_bytes())?;
    }
    stream.write_all(&request)?;
    stream.flush()?;
    let [version, reply, _, _, _, _, _, _] = read(stream)?;
    match (version, reply) {
        (0, GRANTED) => Ok(()),
        (0, 91) => Err(io::Error::other("it refused or failed to connect")),
        (0, 92 | 93) => Err(io::Error::other("it could not confirm the user")),
        (0, _) => Err(io::Error::other("it answered with an unknown code")),
        _ => Err(io::Error::other("it does not speak SOCKS 4")),
    }
}

/// Bytes with a NUL behind them.
fn push_terminated(request: &mut Vec<u8>, bytes: &[u8]) -> io::Result<()> {
    if bytes.contains(&0) {
        return Err(io::Error::other(
            "a name has a NUL in it, which ends it in SOCKS 4",
        ));
    }
    request.extend_from_slice(bytes);
    request.push(0);
    Ok(())
}

fn log_in(stream: &mut (impl Read + Write), credentials: &Credentials) -> io::Result<()> {
    let mut request = vec![1];
    push_counted(&mut request, &credentials.user)?;
    push_counted(&mut request, &credentials.password)?;
    stream.write_all(&request)?;
    stream.flush()?;
    let [_, status] = read(stream)?;
    if status != 0 {
        return Err(io::Error::other("it refused the user and password"));
    }
    Ok(())
}

/// A length of one byte, and as many bytes.
fn push_counted(request: &mut Vec<u8>, bytes: &[u8]) -> io::Result<()> {
    let length = u8::try_from(bytes.len())
        .map_err(|_| io::Error::other("a name or password is too long for SOCKS 5"))?;
    request.push(length);
    request.extend_from_slice(bytes);
    Ok(())
}

fn read<const N: usize>(stream: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The replies of RFC 1928 §6.
fn meaning(reply: u8) -> &'static str {
    match reply {
        1 => "it failed",
        2 => "its rules do not allow that",
        3 => "it can't reach the network",
        4 => "it can't reach the host",
        5 => "the server refused the connection",
        6 => "it took too long",
        7 => "it does not know CONNECT",
        8 => "it does not know that kind of address",
        _ => "it answered with an unknown code",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// A proxy with prepared replies.
    struct Script {
        answers: Cursor<Vec<u8>>,
        asked: Vec<u8>,
    }

    impl Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.answers.read(buffer)
        }
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.asked.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn run(
        answers: &[u8],
        destination: &Destination<'_>,
        credentials: Option<&Credentials>,
    ) -> (Result<(), String>, Vec<u8>) {
        let mut script = Script {
            answers: Cursor::new(answers.to_vec()),
            asked: Vec::new(),
        };
        let result = ask(&mut script, destination, 0x1234, credentials);
        if result.is_ok() {
            assert_eq!(
                script.answers.position(),
                answers.len() as u64,
                "nothing is left"
            );
        }
        (result.map_err(|error| error.to_string()), script.asked)
    }

    #[test]
    fn what_is_asked() {
        let done = b"\x05\0\x05\0\0\x01\x7f\0\0\x01\0\x50";
        let (result, asked) = run(done, &Destination::Name("h.test"), None);
        assert_eq!(result, Ok(()));
        assert_eq!(asked, b"\x05\x01\0\x05\x01\0\x03\x06h.test\x12\x34");

        let address = Destination::Address("1.2.3.4".parse().unwrap());
        let (result, asked) = run(b"\x05\0\x05\0\0\x03\x02ab\0\x50", &address, None);
        assert_eq!(result, Ok(()));
        assert_eq!(asked, b"\x05\x01\0\x05\x01\0\x01\x01\x02\x03\x04\x12\x34");

        let credentials = Credentials::new("me", "secret");
        let answers = [&b"\x05\x02\x01\0"[..], &done[2..]].concat();
        let (result, asked) = run(&answers, &address, Some(&credentials));
        assert_eq!(result, Ok(()));
        assert!(asked.starts_with(b"\x05\x02\0\x02\x01\x02me\x06secret\x05"));
    }

    #[test]
    fn refusals() {
        let table = r"
            HTTP => does not speak SOCKS 5
            \x05\xff => wants a user
            \x05\0\x05\x05\0\x01\0\0\0\0\0\0 => refused the connection
            \x05\0\x05\0\0\x09 => unknown kind
            \x05\0\x05 => fill
        ";
        for (answers, want) in table::cases(table) {
            let (result, _) = run(&table::bytes(answers), &Destination::Name("h"), None);
            let error = result.unwrap_err();
            assert!(error.contains(want), "{error}");
        }
        let long = "x".repeat(256);
        let (result, _) = run(b"\x05\0", &Destination::Name(&long), None);
        assert!(result.unwrap_err().contains("too long"));
    }

    #[test]
    fn version_4() {
        // Destination, user, the bytes of the proxy => the outcome: the request.
        let table = r"
            1.2.3.4 - \0\x5a\0\x50\x7f\0\0\x01 => ok: \x04\x01\x12\x34\x01\x02\x03\x04\0
            1.2.3.4 me \0\x5a\0\x50\x7f\0\0\x01 => ok: \x04\x01\x12\x34\x01\x02\x03\x04me\0
            h.test me \0\x5a\0\x50\x7f\0\0\x01 => ok: \x04\x01\x12\x34\0\0\0\x01me\0h.test\0
            ::1 - => IPv6:
            1.2.3.4 m\0e => NUL:
            h.test - \0\x5b\0\0\0\0\0\0 => refused: \x04\x01\x12\x34\0\0\0\x01\0h.test\0
            1.2.3.4 - \0\x5d\0\0\0\0\0\0 => confirm the user: \x04\x01\x12\x34\x01\x02\x03\x04\0
            1.2.3.4 - HTTP/1.1 => does not speak SOCKS 4: \x04\x01\x12\x34\x01\x02\x03\x04\0
            1.2.3.4 - \0\x5a => fill: \x04\x01\x12\x34\x01\x02\x03\x04\0
        ";
        for (case, outcome) in table::cases(table) {
            let ([host, user], answers) = table::words(case);
            let (want, request) = outcome.split_once(':').unwrap();
            let destination = match host.parse() {
                Ok(address) => Destination::Address(address),
                Err(_) => Destination::Name(host),
            };
            let credentials = Credentials::new(table::unescaped(user), "secret");
            let credentials = (user != "-").then_some(&credentials);
            let mut script = Script {
                answers: Cursor::new(table::bytes(answers)),
                asked: Vec::new(),
            };
            let got = ask_version_4(&mut script, &destination, 0x1234, credentials);
            let got = got.map_err(|error| error.to_string());
            match got {
                Ok(()) => assert_eq!(want, "ok", "{case}"),
                Err(error) => assert!(want != "ok" && error.contains(want), "{case}: {error}"),
            }
            assert_eq!(script.asked, table::bytes(request.trim_start()), "{case}");
        }
    }
}
