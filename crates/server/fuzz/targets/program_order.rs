//! Orders of CGI programs: what was written is read, no bytes make the reader panic, and no
//! variable but those of CGI gets through.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../src/gateway"]
mod gateway {
    #[allow(dead_code)]
    pub(crate) mod variables;
}

#[allow(dead_code)]
#[path = "../../src/gateway/process/order.rs"]
mod order;

use gateway::variables::Variables;
use order::{Order, Report, is_variable};

fuzz_target!(|input: (&[u8], Vec<(Vec<u8>, Vec<u8>)>, &[u8])| {
    let (bytes, variables, relative) = input;
    if let Ok(Some((order, length))) = Order::read(bytes) {
        assert!(length <= bytes.len());
        assert_eq!(order.write(), bytes[..length]);
    }
    let _ = Report::read(bytes);
    for (name, _) in &variables {
        if is_variable(name) {
            assert!(name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_'));
            assert!(!name.eq_ignore_ascii_case(b"HTTP_PROXY"));
        }
    }
    if relative.contains(&0) {
        return;
    }
    let mut order = Order {
        relative: relative.to_vec(),
        variables: Variables::default(),
    };
    for (name, value) in &variables {
        order.variables.add(name, value);
    }
    let written = order.write();
    let (read, length) = Order::read(&written).expect("an order").expect("a whole one");
    assert_eq!((length, &read.relative), (written.len(), &order.relative));
    let has_no_nul = |(name, value): &(&[u8], &[u8])| !name.contains(&0) && !value.contains(&0);
    assert!(order.variables.iter().filter(has_no_nul).eq(read.variables.iter()));
});
