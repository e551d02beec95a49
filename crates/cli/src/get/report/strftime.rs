//! `%time{FORMAT}` of `-w`: the current time in UTC, by the conversions of `strftime`.

use chrono::{DateTime, Utc};

/// The conversions that are known. All others are text.
const KNOWN: &str = "aAbBcCdDeFgGhHIjklmMnpPrRStTuUVwWxXyY%";

/// Writes the time in a format. Bytes that are not UTF-8 are kept.
pub(super) fn format(format: &[u8], now: DateTime<Utc>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = format;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let conversion = match (first, behind.first()) {
            (b'%', Some(conversion)) => char::from(*conversion),
            _ => {
                out.push(*first);
                continue;
            }
        };
        rest = &behind[1..];
        match conversion {
            // chrono counts nanoseconds here, and writes zones in another way.
            'f' => out.extend(format!("{:06}", now.timestamp_subsec_micros()).bytes()),
            's' => out.extend(now.timestamp().to_string().bytes()),
            'Z' => out.extend(b"UTC"),
            'z' => out.extend(b"+0000"),
            known if KNOWN.contains(known) => {
                out.extend(now.format(&format!("%{known}")).to_string().bytes());
            }
            // What is no conversion is text.
            _ => out.extend([b'%', behind[0]]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let now = DateTime::from_timestamp(1_751_984_461, 1_234_000).unwrap();
        let table = r"
            %Y-%m-%d %H:%M:%S => 2025-07-08 14:21:01
            %s.%f %z %Z => 1751984461.001234 +0000 UTC
            %a %A %b %B %h => Tue Tuesday Jul July Jul
            %c|%x|%X => Tue Jul  8 14:21:01 2025|07/08/25|14:21:01
            %C %y %G %g %V %U %W => 20 25 2025 25 28 27 27
            %e %j %k %l %I %p %P => \x208 189 14  2 02 PM pm
            %D %F %R %T %r => 07/08/25 2025-07-08 14:21 14:21:01 02:21:01 PM
            %u %w%n%t => 2 2\n\t
            100%% %Q % => 100% %Q %
            =>
        ";
        for (pattern, want) in table::cases(table) {
            let got = format(pattern.as_bytes(), now);
            assert_eq!(got, table::bytes(want), "{pattern}");
        }
        assert_eq!(format(b"\xe9%Y", now), b"\xe92025");
    }
}
