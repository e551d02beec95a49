//! A reader of messages that goes by the letter of RFC 9112 and is otherwise simple-minded: the
//! second opinion of where a message ends, against which that of `tinyhttp-message` is held.
//!
//! It wants all of the input at once, looks at each byte by itself, and copies what it finds.
//! Nothing of the code under test is used here. It has no limits. Where the RFC leaves a choice it
//! takes the one that the server takes, and says so.

/// A name and a value, or many.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// A message, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Method and target, or the status code and nothing.
    pub start: (Vec<u8>, Vec<u8>),
    pub fields: Fields,
    pub content: Vec<u8>,
    /// By name in lower case; a name's values in their order.
    pub trailers: Fields,
    /// The connection may be used again.
    pub persists: bool,
    /// In bytes, with empty lines before it.
    pub length: usize,
}

/// Why there is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Not {
    /// It may become one.
    Complete,
    /// It won't, by this section.
    Allowed(&'static str),
}

type Result<T> = std::result::Result<T, Not>;

const HTTP_10: &[u8] = b"HTTP/1.0";
const HTTP_11: &[u8] = b"HTTP/1.1";

/// The request at the start of the input.
pub fn request(input: &[u8]) -> Result<Message> {
    let mut rest = input;
    // §2.2: "SHOULD ignore at least one empty line".
    while let Some(after) = rest.strip_prefix(b"\r\n") {
        rest = after;
    }
    let (start, mut rest) = line(rest)?;
    let words: Vec<&[u8]> = start.split(|byte| *byte == b' ').collect();
    let [method, target, version] = words[..] else {
        return Err(Not::Allowed("9112 §3: three words, single spaces"));
    };
    if !is_token(method) {
        return Err(Not::Allowed("9110 §9.1: a method is a token"));
    }
    if !is_target(method, target) {
        return Err(Not::Allowed("9112 §3.2: a target has one of four forms"));
    }
    let version = highest_known(version);
    if version != HTTP_10 && version != HTTP_11 {
        return Err(Not::Allowed("9112 §2.3: another version"));
    }
    let fields = field_section(&mut rest)?;
    let hosts: Vec<_> = values(&fields, b"host").collect();
    match hosts[..] {
        [] if version == HTTP_10 => {}
        [host] if is_host(host) => {}
        _ => return Err(Not::Allowed("9112 §3.2: one valid Host")),
    }
    let mut trailers = Fields::new();
    // A list of one number, repeated, MAY be taken for it (9110 §8.6), and is by clients; here it
    // is refused.
    if values(&fields, b"content-length").count() > 1 {
        return Err(Not::Allowed("9112 §6.3: one number"));
    }
    let content = match framing(&fields, version)? {
        Framing::Chunked => chunked(&mut rest, &mut trailers)?,
        Framing::Length(length) => take(&mut rest, length)?,
        Framing::None => Vec::new(),
        Framing::Unknown => return Err(Not::Allowed("9112 §6.3: chunked comes last, alone")),
    };
    Ok(Message {
        start: (method.to_vec(), target.to_vec()),
        persists: persists(&fields, version),
        fields,
        content,
        trailers,
        length: input.len() - rest.len(),
    })
}

/// 9110 §2.5: a later minor version is processed as the highest one that is known.
fn highest_known(version: &[u8]) -> &[u8] {
    match version.strip_prefix(b"HTTP/1.") {
        Some([b'2'..=b'9']) => HTTP_11,
        _ => version,
    }
}

/// The response at the start of the input to a request with that method. `ended`: there will be no
/// more input.
pub fn response(method: &[u8], input: &[u8], ended: bool) -> Result<Message> {
    let (start, mut rest) = line(input)?;
    let version = start.get(..8).unwrap_or_default();
    // Of responses, only the tolerant reader takes later minor versions for 1.1.
    if version != HTTP_10 && version != HTTP_11 {
        return Err(Not::Allowed("9112 §2.3: another version"));
    }
    let (b" ", code @ [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9']) = (
        start.get(8..9).unwrap_or_default(),
        start.get(9..12).unwrap_or_default(),
    ) else {
        return Err(Not::Allowed("9112 §4: version, space, three digits"));
    };
    // The space is a must for the server; clients let a line end without it.
    if !matches!(&start[12..], [] | [b' ', ..]) || !is_text(&start[12..]) {
        return Err(Not::Allowed("9112 §4: a space, and a phrase"));
    }
    let fields = field_section(&mut rest)?;
    let mut trailers = Fields::new();
    let mut persists = persists(&fields, version);
    let framing = match code {
        [b'1', ..] => Framing::None,
        // By §6.3 no reader has to look in these cases either: fields that contradict each other
        // are refused all the same.
        _ => framing(&fields, version)?,
    };
    let content = match framing {
        _ if method == b"HEAD" || matches!(code, [b'1', ..] | b"204" | b"304") => Vec::new(),
        Framing::Chunked => chunked(&mut rest, &mut trailers)?,
        Framing::Length(length) => take(&mut rest, length)?,
        // The RFC would read on to the end of the connection; a coding that no reader can undo is
        // refused.
        Framing::Unknown => return Err(Not::Allowed("9112 §6.3: chunked comes last, alone")),
        Framing::None if ended => {
            persists = false;
            std::mem::take(&mut rest).to_vec()
        }
        Framing::None => return Err(Not::Complete),
    };
    Ok(Message {
        start: (code.to_vec(), Vec::new()),
        persists,
        fields,
        content,
        trailers,
        length: input.len() - rest.len(),
    })
}

/// §2.2: up to CRLF, in which neither stands alone.
fn line(input: &[u8]) -> Result<(&[u8], &[u8])> {
    for (at, byte) in input.iter().enumerate() {
        match (byte, input.get(at + 1)) {
            (b'\r', None) => return Err(Not::Complete),
            (b'\r', Some(b'\n')) => return Ok((&input[..at], &input[at + 2..])),
            (b'\r', _) => return Err(Not::Allowed("9112 §2.2: CR without LF")),
            // LF alone may be taken for the end of a line; it is refused.
            (b'\n', _) => return Err(Not::Allowed("9112 §2.2: LF without CR")),
            _ => {}
        }
    }
    Err(Not::Complete)
}

/// §5: field lines and the empty line behind them.
fn field_section(rest: &mut &[u8]) -> Result<Fields> {
    let mut fields = Fields::new();
    loop {
        let (field, after) = line(rest)?;
        *rest = after;
        if field.is_empty() {
            return Ok(fields);
        }
        let Some(colon) = field.iter().position(|byte| *byte == b':') else {
            return Err(Not::Allowed("9112 §5: a field has a colon"));
        };
        let (name, value) = (&field[..colon], trim(&field[colon + 1..]));
        // Without this check a folded line (§5.2) and a space before the colon (§5.1) could pass
        // for names.
        if !is_token(name) {
            return Err(Not::Allowed("9112 §5.1, §5.2: a field name is a token"));
        }
        if !is_text(value) {
            return Err(Not::Allowed("9110 §5.5: control bytes in a value"));
        }
        fields.push((name.to_vec(), value.to_vec()));
    }
}

enum Framing {
    None,
    Length(u64),
    Chunked,
    Unknown,
}

/// §6.3.
fn framing(fields: &Fields, version: &[u8]) -> Result<Framing> {
    let codings: Vec<_> = values(fields, b"transfer-encoding").collect();
    let lengths: Vec<_> = values(fields, b"content-length").collect();
    for length in &lengths {
        if length.is_empty() || !length.iter().all(u8::is_ascii_digit) || length != &lengths[0] {
            return Err(Not::Allowed("9112 §6.3: one number"));
        }
    }
    match (codings.is_empty(), lengths.is_empty()) {
        (true, true) => Ok(Framing::None),
        (true, false) => number(lengths[0], 10).map(Framing::Length),
        (false, false) => Err(Not::Allowed("9112 §6.1: one of the two")),
        (false, true) if version == HTTP_10 => Err(Not::Allowed("9112 §6.1: not in HTTP/1.0")),
        // Empty members and other codings before it are refused.
        (false, true) if codings.len() == 1 && codings[0].eq_ignore_ascii_case(b"chunked") => {
            Ok(Framing::Chunked)
        }
        (false, true) => Ok(Framing::Unknown),
    }
}

/// §7.1.
fn chunked(rest: &mut &[u8], trailers: &mut Fields) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let (size_line, after) = line(rest)?;
        *rest = after;
        let digits = size_line
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        let (size, extension) = size_line.split_at(digits);
        // What an extension says is ignored, as long as it is one.
        let extension_is_one = extension.is_empty() || trim(extension).starts_with(b";");
        if digits == 0 || !extension_is_one || !is_text(extension) {
            return Err(Not::Allowed("9112 §7.1: a size in hexadecimal"));
        }
        let size = number(size, 16)?;
        if size == 0 {
            *trailers = field_section(rest)?;
            trailers
                .iter_mut()
                .for_each(|(name, _)| name.make_ascii_lowercase());
            trailers.sort_by(|(one, _), (other, _)| one.cmp(other));
            return Ok(content);
        }
        content.extend(take(rest, size)?);
        match rest {
            [] | [b'\r'] => return Err(Not::Complete),
            [b'\r', b'\n', after @ ..] => *rest = after,
            _ => return Err(Not::Allowed("9112 §7.1: CRLF behind the data")),
        }
    }
}

/// §9.3.
fn persists(fields: &Fields, version: &[u8]) -> bool {
    let has = |option: &[u8]| {
        values(fields, b"connection")
            .flat_map(|value| value.split(|byte| *byte == b','))
            .any(|member| trim(member).eq_ignore_ascii_case(option))
    };
    !has(b"close") && (version == HTTP_11 || has(b"keep-alive"))
}

fn take(rest: &mut &[u8], length: u64) -> Result<Vec<u8>> {
    if length > rest.len() as u64 {
        return Err(Not::Complete);
    }
    let (content, after) = rest.split_at(length as usize);
    *rest = after;
    Ok(content.to_vec())
}

/// The value of digits that are ones.
fn number(digits: &[u8], radix: u128) -> Result<u64> {
    let value = digits.iter().fold(0u128, |number, digit| {
        let digit = char::from(*digit).to_digit(16).unwrap_or_default();
        number
            .saturating_mul(radix)
            .saturating_add(u128::from(digit))
    });
    u64::try_from(value).map_err(|_| Not::Allowed("9110 §8.6: a number that can be counted to"))
}

fn values<'f>(fields: &'f Fields, name: &'f [u8]) -> impl Iterator<Item = &'f [u8]> {
    let of_name = move |field: &&(Vec<u8>, Vec<u8>)| field.0.eq_ignore_ascii_case(name);
    fields
        .iter()
        .filter(of_name)
        .map(|(_, value)| value.as_slice())
}

/// 9110 §5.6.3: without spaces and tabs around it.
fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// 9110 §5.6.2.
fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text.iter().all(|byte| {
            matches!(byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
            | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z')
        })
}

/// 9110 §5.5: visible ASCII, spaces, tabs, and what isn't ASCII.
fn is_text(text: &[u8]) -> bool {
    text.iter()
        .all(|byte| *byte == b'\t' || !byte.is_ascii_control())
}

/// §3.2: the four forms. Beyond RFC 3986, UTF-8 is let through, and what else isn't a space, a
/// control byte or `#`.
fn is_target(method: &[u8], target: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(target) else {
        return false;
    };
    if text
        .bytes()
        .any(|byte| byte.is_ascii_control() || byte == b' ' || byte == b'#')
    {
        return false;
    }
    if method == b"CONNECT" {
        return is_host(target) && !text.ends_with([':', ']']) && text.contains(':');
    }
    let lower = text.to_ascii_lowercase();
    let rest = lower
        .strip_prefix("http://")
        .or(lower.strip_prefix("https://"));
    match rest {
        Some(rest) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let authority = &rest[..end];
            !authority.is_empty() && !authority.starts_with(':') && is_host(authority.as_bytes())
        }
        None => text.starts_with('/') || (text == "*" && method == b"OPTIONS"),
    }
}

/// 9110 §7.2, RFC 3986 §3.2.2: a host and perhaps a port. Of the addresses in brackets only IPv6 is
/// known.
fn is_host(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else {
        return false;
    };
    let (name, port) = match host.rfind(':') {
        // A colon inside brackets belongs to the address.
        Some(colon) if !host[colon..].contains(']') => (&host[..colon], &host[colon + 1..]),
        _ => (host, ""),
    };
    let name_is_one = if let Some(address) = name.strip_prefix('[') {
        address
            .strip_suffix(']')
            .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
    } else {
        let mut bytes = name.bytes();
        let mut valid = true;
        while let Some(byte) = bytes.next() {
            valid &= match byte {
                b'%' => {
                    let mut hex = || bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit());
                    hex() && hex()
                }
                byte => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte),
            };
        }
        valid
    };
    // Any digits are a port by the grammar; those that no port has are refused.
    let port_is_one = port.bytes().all(|digit| digit.is_ascii_digit());
    name_is_one && port_is_one && (port.is_empty() || port.parse::<u16>().is_ok())
}
