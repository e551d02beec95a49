//! Random numbers for boundaries, nonces and keys, from the kernel.

use rustix::rand::{GetRandomFlags, getrandom};
use std::hash::{BuildHasher, Hasher, RandomState};
use tinyhttp_message::range::Boundary;

/// Fills an array with random bytes that can't be predicted.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        match getrandom(&mut bytes[filled..], GetRandomFlags::empty()) {
            Ok(length) => filled += length,
            Err(rustix::io::Errno::INTR) => {}
            // A sandbox without the system call: the standard library keys its hash maps from
            // another source, and no two maps alike.
            Err(_) => {
                for chunk in bytes.chunks_mut(8) {
                    let number = RandomState::new().build_hasher().finish().to_ne_bytes();
                    chunk.copy_from_slice(&number[..chunk.len()]);
                }
                break;
            }
        }
    }
    bytes
}

/// A multipart boundary that can't be predicted, so that content can't contain it on purpose.
pub(crate) fn boundary() -> Boundary {
    Boundary::from_random_bits(number())
}

/// A random number of 64 bits.
pub(crate) fn number() -> u64 {
    u64::from_ne_bytes(bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_differ() {
        assert_ne!(number(), number());
        assert_ne!(bytes::<32>(), bytes::<32>());
    }
}
