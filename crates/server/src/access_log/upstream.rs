//! The part that an upstream server had in an exchange.

#[cfg(feature = "access-log")]
use super::escape::{escape, escape_json};
use http::StatusCode;
#[cfg(feature = "access-log")]
use std::fmt::{self, Write as _};
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
    fn times(&self) -> [(&'static str, Option<Seconds>); 3] {
        [
            ("upstream_connect_time", self.connect.map(Seconds)),
            ("upstream_header_time", self.first_byte.map(Seconds)),
            ("upstream_response_time", Some(Seconds(self.total))),
        ]
    }

    /// Appends the fields that stand behind the others in the combined format.
    pub(super) fn write_combined(&self, line: &mut String) -> fmt::Result {
        line.push_str(" upstream_addr=\"");
        escape(self.address.as_bytes(), line);
        line.push('"');
        for (name, value) in self.times() {
            match value {
                Some(time) => write!(line, " {name}={time}")?,
                None => write!(line, " {name}=-")?,
            }
        }
        let status = self.status.as_ref().map_or("-", StatusCode::as_str);
        let retries = self.retries;
        write!(line, " upstream_status={status} upstream_retries={retries}")
    }

    /// Appends members of a JSON object, each after a comma.
    pub(super) fn write_json(&self, line: &mut String) -> fmt::Result {
        line.push_str(",\"upstream_addr\":\"");
        escape_json(self.address.as_bytes(), line);
        line.push('"');
        for (name, value) in self.times() {
            match value {
                Some(time) => write!(line, ",\"{name}\":{time}")?,
                None => write!(line, ",\"{name}\":null")?,
            }
        }
        let status = self.status.as_ref().map_or("null", StatusCode::as_str);
        let retries = self.retries;
        write!(
            line,
            ",\"upstream_status\":{status},\"upstream_retries\":{retries}"
        )
    }
}

/// A time in seconds.
#[cfg(feature = "access-log")]
struct Seconds(Duration);

#[cfg(feature = "access-log")]
impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0.as_secs(), self.0.subsec_micros())
    }
}

#[cfg(all(test, feature = "access-log"))]
mod tests {
    use super::*;

    #[test]
    fn fields_of_both_formats() {
        let milliseconds = Duration::from_millis;
        for (status, first_byte, combined, json) in [
            (
                Some(StatusCode::OK),
                Some(milliseconds(20)),
                "upstream_header_time=0.020000 upstream_response_time=1.002000 upstream_status=200",
                "\"upstream_header_time\":0.020000,\"upstream_response_time\":1.002000,\
                 \"upstream_status\":200",
            ),
            (
                None,
                None,
                "upstream_header_time=- upstream_response_time=1.002000 upstream_status=-",
                "\"upstream_header_time\":null,\"upstream_response_time\":1.002000,\
                 \"upstream_status\":null",
            ),
        ] {
            let upstream = UpstreamRecord {
                address: "unix:/a \"b".into(),
                status,
                connect: Some(milliseconds(1)),
                first_byte,
                total: milliseconds(1002),
                retries: 2,
            };
            let mut line = String::new();
            upstream.write_combined(&mut line).unwrap();
            let expected = format!(
                " upstream_addr=\"unix:/a \\\"b\" upstream_connect_time=0.001000 {combined} \
                 upstream_retries=2"
            );
            assert_eq!(line, expected);
            line.clear();
            upstream.write_json(&mut line).unwrap();
            let expected = format!(
                ",\"upstream_addr\":\"unix:/a \\\"b\",\"upstream_connect_time\":0.001000,{json},\
                 \"upstream_retries\":2"
            );
            assert_eq!(line, expected);
        }
    }
}
