//! The tar format: POSIX ustar, with a pax header for names and numbers that don't fit
//! (POSIX.1-2017, `pax`).

use super::walk::Node;

const BLOCK: usize = 512;

/// The largest number of eleven octal digits.
const LARGEST: u64 = 0o777_7777_7777;

/// The header of a node, after a pax header if it needs one.
pub(super) fn header(node: &Node) -> Vec<u8> {
    let records = records(node);
    let mut header = Vec::with_capacity(BLOCK);
    if !records.is_empty() {
        push_block(b"pax", 0o644, records.len() as u64, 0, b'x', &mut header);
        header.extend_from_slice(&records);
        header.resize(header.len().next_multiple_of(BLOCK), 0);
    }
    let (mode, kind) = if node.is_dir {
        (0o755, b'5')
    } else {
        (0o644, b'0')
    };
    push_block(
        &node.name,
        mode,
        node.length,
        fitting(node.modified).unwrap_or(0),
        kind,
        &mut header,
    );
    header
}

/// The length of [`header`] in bytes.
pub(super) fn header_length(node: &Node) -> u64 {
    let fits = node.name.len() <= 100 && node.length <= LARGEST;
    if fits && fitting(node.modified).is_some() {
        return BLOCK as u64;
    }
    (2 * BLOCK + records(node).len().next_multiple_of(BLOCK)) as u64
}

/// Pax records of the values that don't fit into a header.
fn records(node: &Node) -> Vec<u8> {
    let mut records = Vec::new();
    if node.name.len() > 100 {
        if std::str::from_utf8(&node.name).is_err() {
            push_record("hdrcharset", b"BINARY", &mut records);
        }
        push_record("path", &node.name, &mut records);
    }
    if node.length > LARGEST {
        push_record("size", node.length.to_string().as_bytes(), &mut records);
    }
    if fitting(node.modified).is_none() {
        push_record("mtime", node.modified.to_string().as_bytes(), &mut records);
    }
    records
}

/// The modification time, if it fits into the header.
fn fitting(modified: i64) -> Option<u64> {
    let seconds = u64::try_from(modified).ok();
    seconds.filter(|seconds| *seconds <= LARGEST)
}

/// The zeros that complete the last block of content.
pub(super) fn padding(node: &Node) -> Vec<u8> {
    let over = (node.length % BLOCK as u64) as usize;
    vec![0; (BLOCK - over) % BLOCK]
}

/// The end: two blocks of zeros.
pub(super) fn end() -> Vec<u8> {
    vec![0; 2 * BLOCK]
}

/// A header block. What is too long for it is cut off, and said in a pax header.
fn push_block(name: &[u8], mode: u64, size: u64, modified: u64, kind: u8, out: &mut Vec<u8>) {
    let mut block = [0; BLOCK];
    let name = &name[..name.len().min(100)];
    block[..name.len()].copy_from_slice(name);
    put_octal(mode, &mut block[100..108]);
    // The owner is not disclosed: user and group are 0.
    put_octal(0, &mut block[108..116]);
    put_octal(0, &mut block[116..124]);
    put_octal(size.min(LARGEST), &mut block[124..136]);
    put_octal(modified, &mut block[136..148]);
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    // The sum of the bytes, with spaces where it will stand.
    block[148..156].fill(b' ');
    let sum = block.iter().map(|byte| u64::from(*byte)).sum();
    put_octal(sum, &mut block[148..155]);
    out.extend_from_slice(&block);
}

/// Octal digits with leading zeros, and a NUL.
fn put_octal(mut number: u64, field: &mut [u8]) {
    let Some((end, digits)) = field.split_last_mut() else {
        return;
    };
    *end = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number & 7) as u8;
        number >>= 3;
    }
}

/// A pax record: its own length in bytes, name, value, line break.
fn push_record(name: &str, value: &[u8], out: &mut Vec<u8>) {
    let rest = name.len() + value.len() + " =\n".len();
    let mut length = rest;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    out.extend_from_slice(format!("{length} {name}=").as_bytes());
    out.extend_from_slice(value);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length() {
        for length in 0..1200 {
            let mut record = Vec::new();
            push_record("path", &vec![b'a'; length], &mut record);
            let said: usize = record
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
            assert_eq!(record.len(), said);
        }
    }

    #[test]
    fn lengths_are_known_without_the_bytes() {
        for name in [1, 100, 101, 500, 4000] {
            for length in [0, LARGEST, LARGEST + 1] {
                for modified in [i64::MIN, -1, 0, LARGEST as i64 + 1] {
                    let node = Node {
                        name: vec![b'a'; name],
                        length,
                        modified,
                        ..Node::default()
                    };
                    assert_eq!(header(&node).len() as u64, header_length(&node));
                }
            }
        }
    }

    #[test]
    fn octal_numbers() {
        let mut field = [b'x'; 8];
        put_octal(0o1234, &mut field);
        assert_eq!(&field, b"0001234\0");
    }
}
