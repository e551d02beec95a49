//! An answer of a name server: an address that is taken from it stands in it, and belongs to the
//! question that was asked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::net::IpAddr;
use tinyhttp_client::addresses_in_answer;

fuzz_target!(|input: (bool, &[u8])| {
    let (is_ours, datagram) = input;
    let mut datagram = datagram.to_vec();
    if is_ours && datagram.len() >= 4 {
        // Otherwise most answers would be to other questions: number 7, a response, not truncated.
        datagram[..2].copy_from_slice(&[0, 7]);
        datagram[2] = datagram[2] | 0x80 & !0x02;
    }
    let Some(addresses) = addresses_in_answer(&datagram, "example.org", 7) else {
        return;
    };
    assert_eq!(datagram[..2], [0, 7]);
    assert!(datagram[2] & 0x80 != 0, "a question is no answer");
    // The shortest record of an address has 15 bytes.
    assert!(addresses.len() <= datagram.len() / 15);
    for address in addresses {
        let bytes = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        assert!(
            datagram.windows(bytes.len()).any(|window| window == bytes),
            "{address}"
        );
    }
});
