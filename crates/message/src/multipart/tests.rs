//! Forms, whole and in pieces.

use super::{Event, Limits, MultipartError, Parser, boundary};
use memchr::memmem;
use proptest::prelude::*;

/// The names and contents of parts, with the input cut into pieces.
fn parse(content: &[u8], piece: usize) -> Result<Vec<(String, Vec<u8>)>, MultipartError> {
    let mut parser = Parser::new("xyz");
    let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
    let (mut start, mut end) = (0, 0);
    loop {
        let (used, event) = parser.next(&content[start..end])?;
        start += used;
        match event {
            Event::Part(part) => parts.push((part.name, Vec::new())),
            Event::Content(piece) => parts.last_mut().unwrap().1.extend_from_slice(piece),
            Event::PartEnd => {}
            Event::End => return Ok(parts),
            Event::NeedMore if end == content.len() => {
                parts.push(("(cut short)".to_owned(), Vec::new()));
                return Ok(parts);
            }
            Event::NeedMore => end = (end + piece).min(content.len()),
        }
    }
}

/// A form, with `|` for line breaks.
fn form(text: &str) -> Result<String, MultipartError> {
    let content = text.replace('|', "\r\n");
    let whole = parse(content.as_bytes(), usize::MAX / 2)?;
    for piece in 1..10 {
        assert_eq!(
            parse(content.as_bytes(), piece)?,
            whole,
            "{text} by {piece}"
        );
    }
    let parts = whole.iter().map(|(name, content)| {
        let content = String::from_utf8_lossy(content).replace("\r\n", "|");
        format!("{name}={content}")
    });
    Ok(parts.collect::<Vec<_>>().join(" "))
}

#[test]
fn parts() {
    let a = "Content-Disposition: form-data; name=a";
    let table = "
        --xyz|{a}||1|--xyz--| => a=1
        preamble|--xyz|{a}||1|--xyz--|epilogue => a=1
        |--xyz  |{a}||1|--xyz|{a}||2|--xyz-- => a=1 a=2
        --xyz|{a}|||--xyz-- => a=
        --xyz|{a}||1|-|--xy|--xyz-- => a=1|-|--xy
        --xyz|{a}||--xyz--|--xyz-- => a=--xyz--
        --xyz|content-type: x/y|{a}||1|--xyz-- => a=1
        --xyz|{a}||1 => a=1 (cut short)=
        --xyz-- =>
    ";
    for (text, want) in table::cases(table) {
        assert_eq!(form(&text.replace("{a}", a)).unwrap(), want, "{text}");
    }
}

#[test]
fn names() {
    let table = r#"
        name="a b" => a b
        NAME="a\"b"; FileName="x\\y" => a"b | file=x\y
        filename="C:\dir\x.txt"; name=a => a | file=C:\dir\x.txt
        name="a;name=b" => a;name=b
        name="ä"; filename="" => ä | file=
        name=a; filename*=utf-8''x => a
    "#;
    table::check(table, |parameters| {
        let head = format!("--x\r\nContent-Disposition: form-data; {parameters}\r\n\r\n");
        let (_, event) = Parser::new("x").next(head.as_bytes()).unwrap();
        let Event::Part(part) = event else {
            panic!("{event:?}")
        };
        match part.file_name {
            Some(file) => format!("{} | file={file}", part.name),
            None => part.name,
        }
    });
}

#[test]
fn faults_and_bounds() {
    let a = "Content-Disposition: form-data; name=a";
    let table = "
        --xyz|a: b||1|--xyz-- => NoName
        --xyz||1|--xyz-- => NoName
        --xyz|{a}|{a}||1 => NoName
        --xyz|Content-Disposition: attachment; name=a|| => NoName
        --xyz|{a}|bad name: x||1 => MalformedHead
        --xyz|{a}||1|--xyzz-- => MalformedDelimiter
        --xyz|{a}||1|--xyz-x => MalformedDelimiter
    ";
    let fault = |text: &str| form(&text.replace("{a}", a)).unwrap_err();
    table::check(table, |text| format!("{:?}", fault(text)));
    let long = [
        (
            format!("--xyz|{a}{}||", "a".repeat(1025)),
            MultipartError::NameTooLong,
        ),
        (
            format!("--xyz|{}", "a".repeat(9000)),
            MultipartError::HeadTooLong,
        ),
        ("a".repeat(5000), MultipartError::PreambleTooLong),
        (
            format!("--xyz|{a}||1|").repeat(1001),
            MultipartError::TooManyParts,
        ),
    ];
    for (text, want) in long {
        assert_eq!(form(&text), Err(want), "{}", &text[..text.len().min(80)]);
    }
}

#[test]
fn boundaries() {
    let long = "x".repeat(71);
    let table = r#"
        multipart/form-data; boundary=xyz => xyz
        Multipart/Form-Data; charset=utf-8; Boundary="x y" => x y
        multipart/form-data => -
        multipart/form-data; boundary= => -
        multipart/form-data; boundary="x\r\n" => -
        multipart/mixed; boundary=xyz => -
    "#;
    table::check(table, |content_type| {
        let content_type = table::unescaped(content_type);
        boundary(&content_type).map_or_else(|| "-".to_owned(), String::from)
    });
    assert_eq!(
        boundary(&format!("multipart/form-data; boundary={long}")),
        None
    );
}

proptest! {
    /// Any content that does not contain the delimiter comes out as it went in.
    #[test]
    fn content_survives(
        content in prop::collection::vec(prop::sample::select(&b"\r\n-xyz"[..]), 0..40),
        piece in 1..20usize,
    ) {
        prop_assume!(memmem::find(&content, b"\r\n--xyz").is_none());
        let head = b"--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n";
        let form = [&head[..], &content, b"\r\n--xyz--"].concat();
        let parts = parse(&form, piece).unwrap();
        prop_assert_eq!(parts, [("a".to_owned(), content)]);
    }
}

/// The bound on a head is the same wherever the input is cut.
#[test]
fn the_bound_on_a_head_is_exact() {
    let limits = Limits {
        head: 60,
        ..Limits::default()
    };
    for length in 50..70 {
        let field = "\r\nContent-Disposition: form-data; name=a\r\nA: ";
        let head = format!("{field}{}", "x".repeat(length - field.len()));
        let form = format!("--x{head}\r\n\r\n");
        let parse = |piece: usize| {
            let mut parser = Parser::with_limits("x", limits);
            let (mut start, mut end) = (0, 0);
            loop {
                let (used, event) = parser.next(&form.as_bytes()[start..end])?;
                start += used;
                match event {
                    Event::NeedMore => end = (end + piece).min(form.len()),
                    event => return Ok(matches!(event, Event::Part(_))),
                }
            }
        };
        let want = match length <= 60 {
            true => Ok(true),
            false => Err(MultipartError::HeadTooLong),
        };
        for piece in [1, 2, 3, 7, 1000] {
            assert_eq!(parse(piece), want, "{length} by {piece}");
        }
    }
}
