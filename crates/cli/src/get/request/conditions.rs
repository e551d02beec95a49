//! `-z` and `--etag-compare`: conditions of a request (RFC 9110 §13.1), which servers may ignore.

use super::dates::date;
use super::fields::Fields;
use crate::failure::Failure;
use crate::get::args::Args;
use http::{StatusCode, header};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use tinyhttp_client::{HttpDate, Response};

/// The condition that `-z` sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeCondition {
    NewerThan(HttpDate),
    NotNewerThan(HttpDate),
}

impl TimeCondition {
    fn of(args: &Args) -> Result<Option<Self>, Failure> {
        let Some(given) = &args.request.time_cond else {
            return Ok(None);
        };
        Ok(Some(match given.as_bytes().strip_prefix(b"-") {
            Some(text) => TimeCondition::NotNewerThan(date(OsStr::from_bytes(text))?),
            None => TimeCondition::NewerThan(date(given)?),
        }))
    }

    fn is_met(self, modified: HttpDate) -> bool {
        match self {
            TimeCondition::NewerThan(date) => modified > date,
            TimeCondition::NotNewerThan(date) => modified < date,
        }
    }
}

/// Adds the fields that state the conditions.
pub(super) fn state(args: &Args, fields: &mut Fields) -> Result<(), Failure> {
    match TimeCondition::of(args)? {
        Some(TimeCondition::NewerThan(date)) => fields.set("If-Modified-Since", date.to_string()),
        Some(TimeCondition::NotNewerThan(date)) => {
            fields.set("If-Unmodified-Since", date.to_string());
        }
        None => {}
    }
    if let Some(path) = &args.request.etag_compare {
        // The first time there is none, and everything is new.
        let tag = std::fs::read(path).unwrap_or_default();
        let tag = tag.trim_ascii();
        fields.set("If-None-Match", if tag.is_empty() { b"\"\"" } else { tag });
    }
    Ok(())
}

/// Whether the content of a response is to be written. A server that does not know dates in
/// conditions sends the content although it did not change; its date tells.
pub(in crate::get) fn is_met(args: &Args, response: &Response) -> Result<bool, Failure> {
    // A part is asked for whatever its date (RFC 9110 §13.2.2).
    if response.status() != StatusCode::OK {
        return Ok(true);
    }
    let modified = response.fields().get(header::LAST_MODIFIED);
    let modified = modified.and_then(|date| HttpDate::parse(date.as_bytes(), HttpDate::MAX));
    let (Some(modified), Some(condition)) = (modified, TimeCondition::of(args)?) else {
        return Ok(true);
    };
    Ok(condition.is_met(modified))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_decides() {
        let at = |day| {
            let text = format!("Sat, {day:02} Jan 2000 00:00:00 GMT");
            HttpDate::parse(text.as_bytes(), HttpDate::MAX).unwrap()
        };
        let newer = TimeCondition::NewerThan(at(2));
        let older = TimeCondition::NotNewerThan(at(2));
        let is_met = |day| (newer.is_met(at(day)), older.is_met(at(day)));
        assert_eq!(
            [1, 2, 3].map(is_met),
            [(false, true), (false, false), (true, false)]
        );
    }
}
