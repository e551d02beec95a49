//! A line of the access log: whatever a client sends, it is one line without control bytes, and
//! JSON is JSON.
#![no_main]

use http::{StatusCode, Version};
use libfuzzer_sys::fuzz_target;
use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tinyhttp_server::Endpoint;
use tinyhttp_server::access_log::{AccessLog, Ending, Format, Hops, Record};

#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fuzz_target!(|input: (&str, &str, &[u8], &[u8], u64, u32)| {
    let (method, target, referer, user_agent, sent, seconds) = input;
    for format in [Format::Common, Format::Combined, Format::Json, Format::Dev] {
        let output = Output::default();
        let log = AccessLog::new(output.clone(), format).expect("a thread");
        let address = std::net::SocketAddr::from(([192, 0, 2, 1], 80));
        let record = Record {
            remote: Endpoint::from(address),
            user: Some(Cow::Borrowed(referer)),
            time: SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(seconds)),
            duration: Duration::from_millis(u64::from(seconds)),
            method: Cow::Borrowed(method),
            target: Cow::Borrowed(target),
            version: Version::HTTP_11,
            status: StatusCode::OK,
            sent,
            ending: if sent % 2 == 0 {
                Ending::Complete
            } else {
                Ending::ClientGone
            },
            is_tls: false,
            hops: Hops::default(),
            referer: Some(Cow::Borrowed(referer)),
            user_agent: Some(Cow::Borrowed(user_agent)),
        };
        log.record(&record);
        drop(log);
        let written = output.0.lock().expect("no panic").clone();
        let line = String::from_utf8(written).expect("UTF-8");
        let line = line.strip_suffix('\n').expect("a whole line");
        assert!(!line.chars().any(char::is_control), "{line:?}");
        if format == Format::Json {
            let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert!(value.is_object());
        }
    }
});
