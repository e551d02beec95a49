//! SCGI and uwsgi: the environment in front of the content. The response is that of CGI.

/// The environment is too long for the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Writes the environment of a request in SCGI: a netstring of names and values, each ended by NUL.
/// CONTENT_LENGTH comes first.
pub(crate) fn scgi<'e>(
    content_length: u64,
    environment: impl Iterator<Item = (&'e [u8], &'e [u8])>,
    out: &mut Vec<u8>,
) {
    let mut pairs = format!("CONTENT_LENGTH\0{content_length}\0SCGI\x001\0").into_bytes();
    for (name, value) in environment {
        // NUL would end a name or a value early; no field has one.
        if name == b"CONTENT_LENGTH" || name.contains(&0) || value.contains(&0) {
            continue;
        }
        for text in [name, value] {
            pairs.extend_from_slice(text);
            pairs.push(0);
        }
    }
    out.extend_from_slice(format!("{}:", pairs.len()).as_bytes());
    out.extend_from_slice(&pairs);
    out.push(b',');
}

/// Writes the environment of a request in uwsgi: names and values with their lengths, at most 64
/// KiB in all.
///
/// # Errors
/// [`TooLong`]. Nothing is written then.
pub(crate) fn uwsgi<'e>(
    environment: impl Iterator<Item = (&'e [u8], &'e [u8])>,
    out: &mut Vec<u8>,
) -> Result<(), TooLong> {
    let mut pairs = Vec::new();
    for (name, value) in environment {
        for text in [name, value] {
            let length = u16::try_from(text.len()).map_err(|_| TooLong)?;
            pairs.extend_from_slice(&length.to_le_bytes());
            pairs.extend_from_slice(text);
        }
    }
    let [low, high] = u16::try_from(pairs.len())
        .map_err(|_| TooLong)?
        .to_le_bytes();
    // Both modifiers are 0: a request for a WSGI application.
    out.extend_from_slice(&[0, low, high, 0]);
    out.extend_from_slice(&pairs);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIRS: [(&[u8], &[u8]); 3] = [
        (b"CONTENT_LENGTH", b"5"),
        (b"REQUEST_METHOD", b"POST"),
        (b"EMPTY", b""),
    ];

    #[test]
    fn environments_on_the_wire() {
        let mut out = Vec::new();
        scgi(5, PAIRS.into_iter(), &mut out);
        let pairs = "CONTENT_LENGTH\x005\0SCGI\x001\0REQUEST_METHOD\0POST\0EMPTY\0\0";
        assert_eq!(out, format!("{}:{pairs},", pairs.len()).as_bytes());
        let mut out = Vec::new();
        uwsgi(PAIRS.into_iter(), &mut out).unwrap();
        let pairs = b"\x0e\0CONTENT_LENGTH\x01\x005\x0e\0REQUEST_METHOD\x04\0POST\x05\0EMPTY\0\0";
        assert_eq!(out, [&[0, pairs.len() as u8, 0, 0], &pairs[..]].concat());
    }

    /// What follows a NUL would be read as the next name or value, and be it CONTENT_LENGTH.
    #[test]
    fn scgi_leaves_out_what_it_cannot_frame() {
        let pairs: [(&[u8], &[u8]); 5] = [
            (b"A\0CONTENT_LENGTH", b"9"),
            (b"B", b"\0CONTENT_LENGTH\09"),
            (b"\0", b""),
            (b"CONTENT_LENGTH", b"9"),
            (b"C", b"1"),
        ];
        let mut out = Vec::new();
        scgi(5, pairs.into_iter(), &mut out);
        let pairs = "CONTENT_LENGTH\x005\0SCGI\x001\0C\x001\0";
        assert_eq!(out, format!("{}:{pairs},", pairs.len()).as_bytes());
    }

    #[test]
    fn uwsgi_has_a_bound() {
        let long = vec![b'x'; 65_536];
        for (name, value, is_right) in [
            (&long[..1], &long[..65_530], true),
            (&long[..1], &long[..65_531], false),
            (&long[..1], &long[..], false),
        ] {
            let mut out = Vec::new();
            let written = uwsgi([(name, value)].into_iter(), &mut out);
            assert_eq!(written.is_ok(), is_right, "{}", value.len());
            assert_eq!(out.is_empty(), !is_right);
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_can_be_read(pairs: Vec<(Vec<u8>, Vec<u8>)>) {
            let given = || pairs.iter().map(|(name, value)| (&name[..], &value[..]));
            let mut out = Vec::new();
            if uwsgi(given(), &mut out).is_ok() {
                let (header, mut rest) = out.split_at(4);
                proptest::prop_assert_eq!(usize::from(u16::from_le_bytes([header[1], header[2]])), rest.len());
                let mut next = || {
                    let (length, behind) = rest.split_at(2);
                    let (text, behind) = behind.split_at(usize::from(u16::from_le_bytes([length[0], length[1]])));
                    rest = behind;
                    text.to_vec()
                };
                for (name, value) in &pairs {
                    proptest::prop_assert_eq!((&next(), &next()), (name, value));
                }
            }
        }
    }
}
