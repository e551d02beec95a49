//! The precondition fields, evaluated (RFC 9110 §13).

use super::entity_tag::{EntityTag, members};
use super::validators::Validators;
use crate::date::HttpDate;
use http::Method;

/// The decision of the preconditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every condition is true, or there is none: perform the method.
    Proceed,
    /// 304: the client's copy is current.
    NotModified,
    /// 412: the method must not be performed.
    PreconditionFailed,
}

/// The five precondition fields of a request, not parsed.
#[derive(Clone, Debug, Default)]
pub struct Preconditions<'a> {
    if_match: Lines<'a>,
    if_none_match: Lines<'a>,
    if_modified_since: Lines<'a>,
    if_unmodified_since: Lines<'a>,
    if_range: Lines<'a>,
}

impl<'a> Preconditions<'a> {
    /// Finds the five fields in one pass. Allocates only if one of them comes in several lines.
    ///
    /// Takes `(name, value)` pairs: `&http::HeaderMap`, or names as `&str` and values as `&[u8]`.
    pub fn from_fields<N, V>(fields: impl IntoIterator<Item = (N, &'a V)>) -> Self
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]> + ?Sized + 'a,
    {
        let mut found = Self::default();
        for (name, value) in fields {
            if let Some(lines) = found.lines_of(name.as_ref()) {
                lines.push(value.as_ref());
            }
        }
        found
    }

    /// Whether the request has none of the five fields.
    pub fn is_empty(&self) -> bool {
        let tags = self.if_match.is_present() || self.if_none_match.is_present();
        let dates = self.if_modified_since.is_present() || self.if_unmodified_since.is_present();
        !(tags || dates || self.if_range.is_present())
    }

    /// Evaluates steps 1 to 4 of §13.2.2. `current` is `None` where the target has no
    /// representation, as before a first PUT.
    ///
    /// `now` only gives two-digit years their century: a date in the future is compared like any
    /// other. (RFC 2616 declared it invalid; RFC 9110 §13.1.3 does not.)
    pub fn evaluate(
        &self,
        method: &Method,
        current: Option<&Validators<'_>>,
        now: HttpDate,
    ) -> Outcome {
        let reading = method == Method::GET || method == Method::HEAD;
        let modified_since = |lines: &Lines<'_>| {
            let date = HttpDate::parse(lines.sole()?, now)?;
            Some(current?.last_modified? > date)
        };

        // 1 and 2: is this the representation that the client assumes?
        let unseen = if self.if_match.is_present() {
            !self.if_match.names(current, EntityTag::matches_strongly)
        } else {
            modified_since(&self.if_unmodified_since) == Some(true)
        };
        if unseen {
            return Outcome::PreconditionFailed;
        }

        // 3 and 4: does the client have it already?
        if self.if_none_match.is_present() {
            let known = self.if_none_match.names(current, EntityTag::matches_weakly);
            match (known, reading) {
                (true, true) => return Outcome::NotModified,
                (true, false) => return Outcome::PreconditionFailed,
                (false, _) => {}
            }
        } else if reading && modified_since(&self.if_modified_since) == Some(false) {
            return Outcome::NotModified;
        }
        Outcome::Proceed
    }

    /// Evaluates step 5 of §13.2.2: whether `Range` is applied. True if there is no `If-Range`.
    ///
    /// It is meaningful only for a GET with `Range`, after [`evaluate`](Self::evaluate) returned
    /// [`Outcome::Proceed`].
    pub fn if_range(&self, current: &Validators<'_>, now: HttpDate) -> bool {
        if !self.if_range.is_present() {
            return true;
        }
        let Some(value) = self.if_range.sole() else {
            return false;
        };
        // §13.1.5: a quote among the first three bytes distinguishes a tag from a date.
        if value.iter().take(3).any(|byte| *byte == b'"') {
            let tags = EntityTag::parse(value).zip(current.etag);
            tags.is_some_and(|(theirs, ours)| theirs.matches_strongly(ours))
        } else {
            let dates = HttpDate::parse(value, now).zip(current.last_modified);
            current.last_modified_is_strong && dates.is_some_and(|(theirs, ours)| theirs == ours)
        }
    }

    fn lines_of(&mut self, name: &[u8]) -> Option<&mut Lines<'a>> {
        // The length alone rules out most fields.
        let (expected, lines) = match name.len() {
            8 if name[3] | 0x20 == b'm' => ("if-match", &mut self.if_match),
            8 => ("if-range", &mut self.if_range),
            13 => ("if-none-match", &mut self.if_none_match),
            17 => ("if-modified-since", &mut self.if_modified_since),
            19 => ("if-unmodified-since", &mut self.if_unmodified_since),
            _ => return None,
        };
        name.eq_ignore_ascii_case(expected.as_bytes())
            .then_some(lines)
    }
}

/// The lines of one field. Most requests have none or one, so the first needs no allocation.
#[derive(Clone, Debug, Default)]
struct Lines<'a> {
    first: Option<&'a [u8]>,
    more: Vec<&'a [u8]>,
}

impl<'a> Lines<'a> {
    fn push(&mut self, line: &'a [u8]) {
        match self.first {
            None => self.first = Some(line),
            Some(_) => self.more.push(line),
        }
    }

    fn is_present(&self) -> bool {
        self.first.is_some()
    }

    /// The value of a field that is not a list; `None` unless it has exactly one line.
    fn sole(&self) -> Option<&'a [u8]> {
        self.first.filter(|_| self.more.is_empty())
    }

    /// Whether the list names the current representation: by `*`, or by a tag that `equal` finds
    /// equal to its tag.
    fn names(&self, current: Option<&Validators<'_>>, equal: Comparison<'a>) -> bool {
        let Some(current) = current else { return false };
        let lines = self.first.iter().chain(&self.more);
        let (mut asterisk, mut other) = (false, false);
        for member in lines.flat_map(|line| members(line)) {
            if member == b"*" {
                asterisk = true;
                continue;
            }
            other = true;
            let tags = EntityTag::parse(member).zip(current.etag);
            if tags.is_some_and(|(theirs, ours)| equal(theirs, ours)) {
                return true;
            }
        }
        asterisk && !other
    }
}

type Comparison<'a> = fn(EntityTag<'a>, EntityTag<'_>) -> bool;
