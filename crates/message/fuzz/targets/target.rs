//! Request targets and paths: a normalised path stays below the root, and equals that of a plain
//! implementation of RFC 3986.
#![no_main]

use http::Method;
use libfuzzer_sys::fuzz_target;
use tinyhttp_message::{Path, Target};

/// Normalises a path the plain way: decodes the segments first, then removes dot segments.
fn plain(raw: &str) -> Option<Vec<u8>> {
    let mut stack: Vec<Vec<u8>> = Vec::new();
    let segments: Vec<&str> = raw.strip_prefix('/')?.split('/').collect();
    let mut folder = true;
    for segment in segments {
        let (mut name, mut bytes) = (Vec::new(), segment.bytes());
        while let Some(byte) = bytes.next() {
            let byte = if byte == b'%' {
                let pair = [bytes.next()?, bytes.next()?];
                if !pair.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?
            } else {
                byte
            };
            match byte {
                0 => return None,
                // A slash that was sent encoded is data, and stays encoded.
                b'/' => name.extend(b"%2F"),
                _ => name.push(byte),
            }
        }
        folder = true;
        match &name[..] {
            b"" | b"." => {}
            b".." => drop(stack.pop()?),
            _ => {
                stack.push(name);
                folder = false;
            }
        }
    }
    let mut path: Vec<u8> = stack
        .iter()
        .flat_map(|name| [b"/", &name[..]].concat())
        .collect();
    if folder {
        path.push(b'/');
    }
    Some(path)
}

fuzz_target!(|input: &str| {
    let normalized = Path::normalize(input).ok();
    assert_eq!(
        normalized.as_ref().map(|path| path.as_bytes().to_vec()),
        plain(input)
    );
    if let Some(path) = normalized {
        for segment in path.segments() {
            assert!(segment != b"." && segment != b".." && !segment.contains(&0));
        }
        assert_eq!(path.ends_in_slash(), path.as_bytes().ends_with(b"/"));
        let has_encoded_slash = input.to_ascii_lowercase().contains("%2f");
        assert_eq!(path.has_encoded_slash(), has_encoded_slash);
    }
    for method in [Method::GET, Method::OPTIONS, Method::CONNECT] {
        let Ok(target) = Target::parse(&method, input) else {
            continue;
        };
        assert_eq!(target.as_str(), input);
        assert!(!input.bytes().any(|byte| byte <= b' ' || byte == 0x7f));
        // A target that the types of `http` accept means the same to them.
        if let Ok(uri) = target.to_uri()
            && method != Method::CONNECT
        {
            assert_eq!(Path::normalize(uri.path()), Path::normalize(target.path()));
            assert_eq!(uri.query().is_some(), target.query().is_some(), "{uri:?}");
            assert_eq!(
                uri.authority().map(|authority| authority.as_str()),
                target.authority()
            );
        }
    }
});
