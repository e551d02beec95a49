//! A file of users: what is read lists names only, and a hash is never taken for a password.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyhttp_server::middleware::Users;

fuzz_target!(|input: &str| {
    // A hash with many rounds takes seconds, which is its purpose.
    if input.contains("rounds=") {
        return;
    }
    if let Ok(users) = Users::new().file(input) {
        let shown = format!("{users:?}");
        for line in input.lines().filter(|line| !line.starts_with('#')) {
            if let Some((_, secret)) = line.split_once(':')
                && secret.starts_with("$2")
            {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
    }
    for line in input.lines() {
        if Users::new().hashed(line).is_ok() {
            let (name, hash) = line.split_once(':').expect("a name and a hash");
            assert!(!name.is_empty() && hash.starts_with('$'));
        }
    }
});
