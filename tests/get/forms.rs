//! `-F` in full: encoders, and parts within parts.

use crate::script::{HELLO, Server, command, get, run};
use support::Folder;

#[test]
fn parts_are_encoded() {
    let folder = Folder::new()
        .with("a.html", "<p>é = é  \n")
        .with("big", vec![b'x'; 200_000]);
    let (a, big) = (folder.join("a.html"), folder.join("big"));
    let table = r"
        f=@{a};encoder=base64 => Content-Length: | Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPHA+w6kgPSDDqSAgCg==\r\n
        f=@{a};encoder=quoted-printable => Transfer-Encoding: chunked | <p>=C3=A9 =3D =C3=A9  =0A\r\n
        f=<{a};encoder=8bit => Content-Length: | Content-Transfer-Encoding: 8bit\r\n\r\n<p>é = é  \n\r\n
        f=a=b;encoder=quoted-printable => Content-Length: | Content-Transfer-Encoding: quoted-printable\r\n\r\na=3Db\r\n
        f=plain;encoder=7bit;type=a/b => Content-Length: | Content-Type: a/b\r\nContent-Transfer-Encoding: 7bit\r\n\r\nplain\r\n
        f=@{big};encoder=base64 => Content-Length: | \r\neHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4\r\n
    ";
    for (part, outcome) in table::cases(table) {
        let part = part.replace("{a}", &a).replace("{big}", &big);
        let (framing, want) = outcome.split_once(" | ").unwrap();
        let want = table::unescaped(want);
        let server = Server::answering([HELLO]);
        get(["-H", "Expect:", "-F", &part, &server.url("/")]).succeeds();
        let request = server.request();
        assert!(request.contains(framing), "{part}: {request}");
        assert!(request.contains(&want), "{part}: {request}");
    }
}

#[test]
fn encoders_that_cannot_be_used() {
    let folder = Folder::new().with("latin", b"caf\xe9");
    let file = format!("f=@{};encoder=7bit", folder.join("latin"));
    for (part, code) in [
        ("f=x;encoder=rot13", 43),
        ("f=é;encoder=7bit", 26),
        (&file, 26),
    ] {
        let server = Server::answering([HELLO]);
        get(["-F", part, &server.url("/")]).fails(code);
    }
}

#[test]
fn parts_within_parts() {
    let folder = Folder::new().with("a.txt", "file");
    let file = format!("=@{}", folder.join("a.txt"));
    let server = Server::answering([HELLO]);
    let url = server.url("/");
    let line = [
        "=(;type=multipart/alternative",
        "= plain",
        "= <b>hi</b>;type=text/html",
        "=)",
        "m=(;headers=\"X-Y: z\"",
        &file,
        "=)",
        "last=1",
    ];
    let flags = line.iter().flat_map(|part| ["-F", part]);
    get(flags.chain([&*url])).succeeds();
    let request = server.request();
    let (head, content) = request.split_once("\r\n\r\n").unwrap();
    let boundaries: Vec<_> = request
        .split("boundary=")
        .skip(1)
        .map(|rest| rest.split("\r\n").next().unwrap())
        .collect();
    let [outer, first, second] = boundaries[..] else {
        panic!("{request}");
    };
    let want = format!(
        "--{outer}\r\nContent-Disposition: form-data\r\n\
         Content-Type: multipart/alternative; boundary={first}\r\n\r\n\
         --{first}\r\n\r\nplain\r\n\
         --{first}\r\nContent-Type: text/html\r\n\r\n<b>hi</b>\r\n--{first}--\r\n\r\n\
         --{outer}\r\nContent-Disposition: form-data; name=\"m\"\r\n\
         Content-Type: multipart/mixed; boundary={second}\r\nX-Y: z\r\n\r\n\
         --{second}\r\nContent-Disposition: attachment; filename=\"a.txt\"\r\n\
         Content-Type: text/plain\r\n\r\nfile\r\n--{second}--\r\n\r\n\
         --{outer}\r\nContent-Disposition: form-data; name=\"last\"\r\n\r\n1\r\n--{outer}--\r\n"
    );
    assert_eq!(content, want);
    assert!(
        head.contains(&format!("Content-Length: {}", want.len())),
        "{head}"
    );
    // A reader of the outer parts must not take an inner line for one of its own.
    assert!(!first.starts_with(outer) && !second.starts_with(outer) && !outer.starts_with(first));
    get(["-F", "=)", "http://127.0.0.1:1/"]).fails(2);
}

/// `-F` and `--form-string` keep their order.
#[test]
fn parts_are_sent_in_the_order_of_the_flags() {
    let server = Server::answering([HELLO]);
    let line = [
        "-F",
        "a=1",
        "--form-string",
        "b=@2",
        "-F",
        "c=3",
        &server.url("/"),
    ];
    get(line).succeeds();
    let request = server.request();
    let places: Vec<_> = ["name=\"a\"", "name=\"b\"\r\n\r\n@2\r\n", "name=\"c\""]
        .map(|part| request.find(part).expect(part))
        .into();
    assert!(places.is_sorted(), "{request}");
}

/// Standard input can be read once: it is not sent a second time as nothing.
#[test]
fn standard_input_is_sent_once() {
    let server = Server::start(|connection| {
        if connection.number == 0 {
            connection.head();
            connection.send("HTTP/1.1 100 Continue\r\n\r\n");
            while connection.line().is_some_and(|line| line != "0\r\n") {}
        } else {
            connection.request();
        }
        let go =
            "HTTP/1.1 307 Go\r\nLocation: /x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        connection.send(if connection.number == 0 { go } else { HELLO });
    });
    let line = ["get", "-L", "-F", "f=@-;filename=x", &server.url("/")];
    let outcome = run(command(line), b"input");
    assert_eq!(outcome.fails(65).text(), "");
}
