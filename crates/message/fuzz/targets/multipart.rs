//! Forms with files: the parts are the same however the input is cut, bounds hold, and content that
//! was written as a part is read as it was.
//!
//! The first byte chooses the boundary and the limits, the next three how the input is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyhttp_message::multipart::{Event, Limits, MultipartError, Parser, boundary};

/// The name of a part, the name of its file, and its content.
type Part = (String, Option<String>, Vec<u8>);

const BOUNDARIES: [&str; 4] = ["x", "xyz", "----", "a '()+_,-./:=? z"];

const TIGHT: Limits = Limits {
    parts: 3,
    head: 80,
    name: 8,
    preamble: 10,
};

/// Reads a form. The second value says whether its end was found.
fn read(
    content: &[u8],
    boundary: &str,
    limits: Limits,
    steps: &[u8],
) -> Result<(Vec<Part>, bool), MultipartError> {
    let mut parser = Parser::with_limits(boundary, limits);
    let mut parts: Vec<Part> = Vec::new();
    let mut is_inside = false;
    let (mut used, mut have) = (0, 0);
    let mut steps = steps.iter().cycle();
    loop {
        let (taken, event) = parser.next(&content[used..have])?;
        used += taken;
        match event {
            Event::NeedMore if have == content.len() => return Ok((parts, false)),
            Event::NeedMore => {
                // Only a head, or what may be a delimiter and the space behind it, waits.
                let most = limits.head.max(boundary.len()) + 4;
                assert!(have - used <= most, "{} bytes wait", have - used);
                let step = steps
                    .next()
                    .map_or(content.len(), |step| usize::from(*step).max(1));
                have = (have + step).min(content.len());
            }
            Event::Part(head) => {
                assert!(!is_inside && head.name.len() <= limits.name);
                is_inside = true;
                parts.push((head.name, head.file_name, Vec::new()));
                assert!(parts.len() <= limits.parts);
            }
            Event::Content(piece) => {
                assert!(is_inside && !piece.is_empty());
                let part = parts.last_mut().expect("a part has begun");
                part.2.extend_from_slice(piece);
            }
            Event::PartEnd => assert!(std::mem::take(&mut is_inside)),
            Event::End => {
                assert!(!is_inside && parser.is_complete());
                return Ok((parts, true));
            }
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((choice, rest)) = input.split_first() else {
        return;
    };
    let (steps, content) = rest.split_at(rest.len().min(3));
    let name = BOUNDARIES[usize::from(choice % 4)];
    let limits = match choice & 4 {
        0 => Limits::default(),
        _ => TIGHT,
    };
    // A parameter of a field is read as well as a form.
    let _ = boundary(&String::from_utf8_lossy(content));
    let whole = read(content, name, limits, &[]);
    assert_eq!(read(content, name, limits, &[1]), whole);
    assert_eq!(read(content, name, limits, steps), whole);
    // What does not contain the delimiter comes out as it went in.
    let delimiter = format!("\r\n--{name}");
    let has_it = |content: &[u8]| {
        let mut windows = content.windows(delimiter.len());
        windows.any(|window| window == delimiter.as_bytes())
    };
    let head = format!("--{name}\r\nContent-Disposition: form-data; name=a\r\n\r\n");
    let form = [head.as_bytes(), content, delimiter.as_bytes(), b"--"].concat();
    if !has_it(&[b"\r\n\r\n", content].concat())
        && !has_it(&[content, &delimiter.as_bytes()[..delimiter.len() - 1]].concat())
    {
        let parts = read(&form, name, Limits::default(), steps).expect("it was written");
        assert_eq!(
            parts,
            (vec![("a".to_owned(), None, content.to_vec())], true)
        );
    }
});
