//! The part that an upstream server had in an exchange.

#[cfg(feature = "access-log")]
use super::escape::{escape, escape_json};
#[cfg(feature = "access-log")]
use super::number::{number, seconds};
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;

/// The part of an upstream server in an exchange. Times count from when the request was first
/// forwarded, attempts that failed included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamRecord {
    /// Where the last server listens: an IP address with a port, or `unix:` and a path. If there
    /// was no connection, the names of the servers.
    pub address: Arc<str>,
    /// The status code of its response; `None` if it gave none.
    pub status: Option<StatusCode>,
    /// How long the request waited for a server with room, in all; `None` if one had room.
    pub queue: Option<Duration>,
    /// When the connection was established, its TLS handshake included; on a kept one, when
    /// the request was first sent.
    pub connect: Option<Duration>,
    /// When the response began.
    pub first_byte: Option<Duration>,
    /// When the exchange ended.
    pub total: Duration,
    /// Attempts that failed before the last one.
    pub retries: u8,
}

#[cfg(feature = "access-log")]
impl UpstreamRecord {
    /// The times, by the names that nginx has for them.
    fn times(&self) -> [(&'static str, Option<Duration>); 4] {
        [
            ("upstream_queue_time", self.queue),
            ("upstream_connect_time", self.connect),
            ("upstream_header_time", self.first_byte),
            ("upstream_response_time", Some(self.total)),
        ]
    }

    /// Appends the fields that stand behind the others in the combined format.
    pub(super) fn write_combined(&self, line: &mut String) {
        line.push_str(" upstream_addr=\"");
        escape(self.address.as_bytes(), line);
        line.push('"');
        for (name, value) in self.times() {
            line.push(' ');
            line.push_str(name);
            line.push('=');
            match value {
                Some(time) => seconds(time, line),
                None => line.push('-'),
            }
        }
        line.push_str(" upstream_status=");
        line.push_str(self.status.as_ref().map_or("-", StatusCode::as_str));
        line.push_str(" upstream_retries=");
        number(self.retries, line);
    }

    /// Appends members of a JSON object, each after a comma.
    pub(super) fn write_json(&self, line: &mut String) {
        line.push_str(",\"upstream_addr\":\"");
        escape_json(self.address.as_bytes(), line);
        line.push('"');
        for (name, value) in self.times() {
            line.push_str(",\"");
            line.push_str(name);
            line.push_str("\":");
            match value {
                Some(time) => seconds(time, line),
                None => line.push_str("null"),
            }
        }
        line.push_str(",\"upstream_status\":");
        line.push_str(self.status.as_ref().map_or("null", StatusCode::as_str));
        line.push_str(",\"upstream_retries\":");
        number(self.retries, line);
    }
}

#[cfg(all(test, feature = "access-log"))]
mod tests {
    use super::*;

    #[test]
    fn fields_of_both_formats() {
        let milliseconds = Duration::from_millis;
        for (status, queue, first_byte, times, combined, json) in [
            (
                Some(StatusCode::OK),
                Some(milliseconds(7)),
                Some(milliseconds(20)),
                ["0.007000", "0.007000"],
                "upstream_header_time=0.020000 upstream_response_time=1.002000 upstream_status=200",
                "\"upstream_header_time\":0.020000,\"upstream_response_time\":1.002000,\
                 \"upstream_status\":200",
            ),
            (
                None,
                None,
                None,
                ["-", "null"],
                "upstream_header_time=- upstream_response_time=1.002000 upstream_status=-",
                "\"upstream_header_time\":null,\"upstream_response_time\":1.002000,\
                 \"upstream_status\":null",
            ),
        ] {
            let upstream = UpstreamRecord {
                address: "unix:/a \"b".into(),
                status,
                queue,
                connect: Some(milliseconds(1)),
                first_byte,
                total: milliseconds(1002),
                retries: 2,
            };
            let mut line = String::new();
            upstream.write_combined(&mut line);
            let expected = format!(
                " upstream_addr=\"unix:/a \\\"b\" upstream_queue_time={} \
                 upstream_connect_time=0.001000 {combined} upstream_retries=2",
                times[0]
            );
            assert_eq!(line, expected);
            line.clear();
            upstream.write_json(&mut line);
            let expected = format!(
                ",\"upstream_addr\":\"unix:/a \\\"b\",\"upstream_queue_time\":{},\
                 \"upstream_connect_time\":0.001000,{json},\"upstream_retries\":2",
                times[1]
            );
            assert_eq!(line, expected);
        }
    }
}
