//! A connection for bytes of the test's own choice, and the responses on it.

use crate::LONG;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A connection for bytes of one's own choice.
pub struct Raw {
    stream: BufReader<TcpStream>,
}

/// A response as it came, with the content that its own fields announce.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub content: Vec<u8>,
}

impl Answer {
    /// The value of a field, whose name is given in lower case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (other, value) = line.split_once(':')?;
            other.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }
}

impl Raw {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, LONG).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_write_timeout(Some(LONG)).unwrap();
        stream.set_nodelay(true).unwrap();
        Raw {
            stream: BufReader::new(stream),
        }
    }

    pub fn stream(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        // A server that has refused what came before may have closed already.
        let _ = self.stream.get_mut().write_all(bytes.as_ref());
        self
    }

    /// Sends a GET for a path.
    pub fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        self.answer()
    }

    pub fn answer(&mut self) -> Answer {
        self.answer_to("GET")
    }

    /// Reads one response to a request with that method.
    pub fn answer_to(&mut self, method: &str) -> Answer {
        let mut head = String::new();
        loop {
            let mut line = String::new();
            let length = self.stream.read_line(&mut line).unwrap();
            assert!(length > 0, "the connection ended inside a head: {head:?}");
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer {
            status,
            head,
            content: Vec::new(),
        };
        if method == "HEAD" || status < 200 || status == 204 || status == 304 {
            return answer;
        }
        let mut content = Vec::new();
        if let Some(length) = answer.field("content-length") {
            content.resize(length.parse().unwrap(), 0);
            self.stream.read_exact(&mut content).unwrap();
        } else if answer.field("transfer-encoding").is_some() {
            loop {
                let mut size = String::new();
                self.stream.read_line(&mut size).unwrap();
                let size = usize::from_str_radix(size.trim(), 16).unwrap();
                let mut chunk = vec![0; size + 2];
                self.stream.read_exact(&mut chunk).unwrap();
                if size == 0 {
                    break;
                }
                content.extend_from_slice(&chunk[..size]);
            }
        } else {
            self.stream.read_to_end(&mut content).unwrap();
        }
        answer.content = content;
        answer
    }

    /// Reads one response to a request with that method, unless the connection ends before.
    pub fn next_answer(&mut self, method: &str) -> Option<Answer> {
        loop {
            return match self.stream.fill_buf() {
                Ok([_, ..]) => Some(self.answer_to(method)),
                Ok([]) => None,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
                Err(error) => panic!("{error}"),
            };
        }
    }

    /// Everything up to the end of the connection.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset ends it, too.
        let _ = self.stream.read_to_end(&mut rest);
        rest
    }

    /// Whether the server has ended the connection; waits for that.
    pub fn is_ended(&mut self) -> bool {
        self.rest().is_empty()
    }
}
