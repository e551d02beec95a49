//! The clients: what each of them does in one go, and how it knows that the server did right.

use super::site::Site;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use support::{LONG, Raw};

/// What all clients share, and what they have counted.
pub(crate) struct Load {
    pub(crate) site: Site,
    pub(crate) address: SocketAddr,
    pub(crate) client: tinyhttp_client::Client,
    pub(crate) answers: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) faults: AtomicU64,
}

/// Numbers by xorshift.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end.max(1)
    }
}

type Go = fn(&Load, &mut Random);

/// What there is to do, and what it is called.
pub(crate) const KINDS: [(&str, Go); 12] = [
    ("keep-alive", Load::keep_alive),
    ("pipeline", Load::pipeline),
    ("ranges", Load::ranges),
    ("conditions", Load::conditions),
    ("codings", Load::codings),
    ("other answers", Load::other_answers),
    ("content", Load::content),
    ("slow readers", Load::slow_reader),
    ("slow writers", Load::slow_writer),
    ("resets", Load::resets),
    ("half-closes", Load::half_closes),
    ("garbage", Load::garbage),
];

impl Load {
    /// A file, the small ones more often.
    fn some_file(&self, random: &mut Random) -> usize {
        let end = if random.below(8) == 0 {
            self.site.files.len()
        } else {
            7
        };
        random.below(end)
    }

    fn count(&self, bytes: usize) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn fault(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }

    /// Reads the answer to a plain GET of a file that was sent when its version was `since`, and
    /// checks every byte.
    fn check_whole(&self, raw: &mut Raw, number: usize, since: u64) {
        let answer = raw.answer();
        let file = &self.site.files[number];
        assert_eq!(
            (answer.status, answer.content.len()),
            (200, file.length),
            "{}",
            file.name
        );
        let versions = since..=self.site.at_most(number);
        let version = self
            .site
            .version(number, 0, &answer.content, versions.clone());
        let version = version.unwrap_or_else(|| panic!("{}: none of {versions:?}", file.name));
        // The shortest are the same in many versions.
        if file.length > 100 {
            self.site
                .check_tag(answer.field("etag").unwrap(), number, version);
        }
        self.count(answer.content.len());
    }

    fn keep_alive(&self, random: &mut Random) {
        let mut raw = Raw::connect(self.address);
        for _ in 0..1 + random.below(30) {
            let number = self.some_file(random);
            let since = self.site.at_least(number);
            let name = self.site.files[number].name;
            raw.send(format!("GET /{name} HTTP/1.1\r\nHost: h\r\n\r\n"));
            self.check_whole(&mut raw, number, since);
        }
    }

    fn pipeline(&self, random: &mut Random) {
        let mut raw = Raw::connect(self.address);
        let count = 1 + random.below(100);
        let numbers: Vec<_> = (0..count).map(|_| random.below(5)).collect();
        let since: Vec<_> = numbers
            .iter()
            .map(|number| self.site.at_least(*number))
            .collect();
        let request = |number: &usize| {
            format!(
                "GET /{} HTTP/1.1\r\nHost: h\r\n\r\n",
                self.site.files[*number].name
            )
        };
        raw.send(numbers.iter().map(request).collect::<String>());
        for (number, since) in numbers.into_iter().zip(since) {
            self.check_whole(&mut raw, number, since);
        }
    }

    fn ranges(&self, random: &mut Random) {
        let mut raw = Raw::connect(self.address);
        for _ in 0..1 + random.below(10) {
            let number = 2 + random.below(6);
            let file = &self.site.files[number];
            let since = self.site.at_least(number);
            let mut some_range = || {
                let first = random.below(file.length);
                (first, (first + random.below(50_000)).min(file.length - 1))
            };
            let (one, other) = (some_range(), some_range());
            let set = format!("{}-{},{}-{}", one.0, one.1, other.0, other.1);
            let (first, second) = set.split_once(',').unwrap();
            let set = if first.len() % 2 == 0 { first } else { &set };
            raw.send(format!(
                "GET /{} HTTP/1.1\r\nHost: h\r\nRange: bytes={set}\r\n\r\n",
                file.name
            ));
            let answer = raw.answer();
            assert_eq!(answer.status, 206, "{} {second}", file.name);
            let mut parts = Vec::new();
            if let Some(content_range) = answer.field("content-range") {
                parts.push((content_range.to_owned(), answer.content.clone()));
            } else {
                // Each part's own fields say where its bytes end.
                let mut rest = &answer.content[..];
                while let Some(head) = rest.windows(4).position(|window| window == b"\r\n\r\n") {
                    let fields = String::from_utf8_lossy(&rest[..head]).into_owned();
                    let Some((_, field)) = fields.split_once("Content-Range: ") else {
                        break;
                    };
                    let field = field.lines().next().unwrap().to_owned();
                    let (first, last) = positions(&field, file.length);
                    let (content, after) = rest[head + 4..].split_at(last - first + 1);
                    parts.push((field, content.to_vec()));
                    rest = after;
                }
                assert_eq!(parts.len(), 2, "{set}");
            }
            for (field, content) in parts {
                let (first, last) = positions(&field, file.length);
                assert_eq!(content.len(), last - first + 1);
                let versions = since..=self.site.at_most(number);
                let version = self.site.version(number, first, &content, versions.clone());
                assert!(
                    version.is_some(),
                    "{} {field}: none of {versions:?}",
                    file.name
                );
            }
            self.count(answer.content.len());
        }
    }

    fn conditions(&self, random: &mut Random) {
        let mut raw = Raw::connect(self.address);
        let number = 2 + random.below(5);
        let name = self.site.files[number].name;
        let before = self.site.at_least(number);
        raw.send(format!("GET /{name} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let first = raw.answer();
        let etag = first.field("etag").unwrap();
        let seen = self.site.version(
            number,
            0,
            &first.content,
            before..=self.site.at_most(number),
        );
        for _ in 0..random.below(10) {
            let since = self.site.at_least(number);
            raw.send(format!(
                "GET /{name} HTTP/1.1\r\nHost: h\r\nIf-None-Match: {etag}\r\n\r\n"
            ));
            let answer = raw.answer();
            match answer.status {
                304 => assert!(seen.unwrap() >= since, "{name} has changed"),
                status => {
                    assert_eq!(status, 200);
                    let versions = since..=self.site.at_most(number);
                    let version = self.site.version(number, 0, &answer.content, versions);
                    // As old as before it may be: a file that is replaced between being opened and
                    // being looked at has another ctime, and so another tag for the same bytes.
                    assert!(version.unwrap() >= seen.unwrap(), "{name} went back");
                }
            }
            self.count(answer.content.len());
        }
    }

    fn codings(&self, random: &mut Random) {
        let number = [3, 6][random.below(2)];
        let name = self.site.files[number].name;
        let coding = ["gzip", "br", "zstd", "identity"][random.below(4)];
        let since = self.site.at_least(number);
        let url = format!("http://{}/{name}", self.address);
        let response = self
            .client
            .get(&url)
            .field("accept-encoding", coding)
            .send()
            .unwrap();
        assert_eq!(response.status(), 200);
        let content = response.bytes().unwrap();
        let versions = since..=self.site.at_most(number);
        let version = self.site.version(number, 0, &content, versions.clone());
        assert!(
            version.is_some(),
            "{name} as {coding}: none of {versions:?}"
        );
        self.count(content.len());
    }

    fn other_answers(&self, random: &mut Random) {
        let mut raw = Raw::connect(self.address);
        for _ in 0..1 + random.below(20) {
            #[rustfmt::skip]
            let (method, path, status) = [
                ("GET", "/nowhere", 404), ("HEAD", "/large", 200), ("GET", "/sub", 301), ("GET", "/sub/", 200),
                ("OPTIONS", "/", 204), ("DELETE", "/large", 405), ("GET", "/%zz", 400), ("BREW", "/", 501), ("GET", "/.new-1", 404),
            ][random.below(9)];
            raw.send(format!("{method} {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
            let answer = raw.answer_to(method);
            assert_eq!(answer.status, status, "{method} {path}");
            self.count(answer.content.len());
        }
    }

    fn content(&self, random: &mut Random) {
        let mut raw = Raw::connect(self.address);
        for _ in 0..1 + random.below(5) {
            let content = vec![b'x'; random.below(100_000)];
            if random.below(2) == 0 {
                raw.send(format!(
                    "POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
                    content.len()
                ));
                raw.send(&content);
            } else {
                raw.send("POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
                for piece in content.chunks(1 + random.below(9000)) {
                    raw.send(format!("{:x}\r\n", piece.len()))
                        .send(piece)
                        .send("\r\n");
                }
                raw.send("0\r\n\r\n");
            }
            let answer = raw.answer();
            assert_eq!(answer.status, 405);
            self.count(answer.content.len());
        }
    }

    /// Reads a large file through a narrow window, in pieces, with pauses.
    fn slow_reader(&self, random: &mut Random) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket
            .set_recv_buffer_size(1 + random.below(20_000))
            .unwrap();
        socket.connect(&SockAddr::from(self.address)).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        let mut stream = TcpStream::from(socket);
        let number = 5 + random.below(4);
        let since = self.site.at_least(number);
        let file = &self.site.files[number];
        write!(
            stream,
            "GET /{} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
            file.name
        )
        .unwrap();
        let mut received = Vec::new();
        let mut piece = vec![0; 1 + random.below(200_000)];
        let patience = random.below(40);
        loop {
            let most = 1 + random.below(piece.len());
            match stream.read(&mut piece[..most]) {
                Ok(0) => break,
                Ok(length) => received.extend_from_slice(&piece[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("{}: {error}", file.name),
            }
            if random.below(100) < patience && received.len() < 500_000 {
                // A reader that is slow on purpose.
                std::thread::sleep(Duration::from_millis(2));
            }
            if received.len() > 300_000 && random.below(300) == 0 {
                self.fault();
                return;
            }
        }
        let head = received
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap()
            + 4;
        let content = &received[head..];
        assert_eq!(content.len(), file.length, "{}", file.name);
        let versions = since..=self.site.at_most(number);
        assert!(
            self.site.version(number, 0, content, versions).is_some(),
            "{}",
            file.name
        );
        self.count(content.len());
    }

    /// Sends a request a few bytes at a time.
    fn slow_writer(&self, random: &mut Random) {
        let mut raw = Raw::connect(self.address);
        let number = random.below(5);
        let since = self.site.at_least(number);
        let request = format!(
            "GET /{} HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n",
            self.site.files[number].name,
            "x".repeat(random.below(500))
        );
        for piece in request.as_bytes().chunks(1 + random.below(20)) {
            raw.send(piece);
        }
        self.check_whole(&mut raw, number, since);
    }

    /// Ends a connection with a reset at some point of an exchange.
    fn resets(&self, random: &mut Random) {
        for _ in 0..1 + random.below(20) {
            let mut raw = Raw::connect(self.address);
            let request =
                "GET /huge HTTP/1.1\r\nHost: h\r\n\r\nGET /small HTTP/1.1\r\nHost: h\r\n\r\n";
            raw.send(&request[..random.below(request.len() + 1)]);
            if random.below(4) == 0 {
                raw.stream()
                    .set_read_timeout(Some(Duration::from_millis(20)))
                    .unwrap();
                let mut some = vec![0; random.below(100_000)];
                let _ = raw.stream().read(&mut some);
            }
            let socket = Socket::from(raw.stream().try_clone().unwrap());
            socket.set_linger(Some(Duration::ZERO)).unwrap();
            self.fault();
        }
    }

    /// Ends one side at some point of an exchange, and reads what there is.
    fn half_closes(&self, random: &mut Random) {
        let mut raw = Raw::connect(self.address);
        let request = "GET /medium HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        raw.send(&request[..random.below(request.len() + 1)]);
        raw.stream().shutdown(Shutdown::Write).unwrap();
        raw.rest();
        self.fault();
    }

    /// Sends bytes that are no request, or nearly one.
    fn garbage(&self, random: &mut Random) {
        let mut raw = Raw::connect(self.address);
        let mut bytes = b"GET /small HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
            .repeat(1 + random.below(3));
        for _ in 0..1 + random.below(5) {
            let at = random.below(bytes.len());
            bytes[at] = random.below(256) as u8;
        }
        raw.send(&bytes);
        // What isn't complete now never will be.
        raw.stream().shutdown(Shutdown::Write).unwrap();
        raw.rest();
        self.fault();
    }
}

/// First and last position of a Content-Range, whose length is checked.
fn positions(field: &str, length: usize) -> (usize, usize) {
    let (range, complete) = field
        .strip_prefix("bytes ")
        .unwrap()
        .split_once('/')
        .unwrap();
    assert_eq!(complete, length.to_string());
    let (first, last) = range.split_once('-').unwrap();
    (first.parse().unwrap(), last.parse().unwrap())
}
