//! Exchanges whose responses are in an output buffer: their lines wait until the socket has taken
//! the bytes.
//!
//! Only then it is known whether a response went out whole. All texts of all exchanges share one
//! buffer, which a worker reuses, so holding a record allocates nothing.

use super::record::{Ending, Record};
use std::borrow::Cow;
use std::ops::Range;

/// Exchanges in the order of their responses.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// Methods and targets.
    names: String,
    /// What need not be text.
    texts: Vec<u8>,
    exchanges: Vec<Exchange>,
}

#[derive(Debug)]
struct Exchange {
    /// Everything but the texts.
    facts: Record<'static>,
    method: Range<usize>,
    target: Range<usize>,
    user: Option<Range<usize>>,
    referer: Option<Range<usize>>,
    user_agent: Option<Range<usize>>,
    /// Where the response ends in the output buffer.
    end: u64,
    /// How many bytes before `end` are content.
    content: u64,
    /// Bytes of content that had been taken before.
    taken: u64,
}

impl Held {
    /// Holds the record of a response that ends at `end` in the output buffer, with `content` bytes
    /// of content. What does not fit in front of `end` has been taken before.
    pub(crate) fn hold(&mut self, record: &Record<'_>, end: usize, content: u64) {
        let method = self.keep_name(&record.method);
        let target = self.keep_name(&record.target);
        let user = record.user.as_deref().map(|text| self.keep(text));
        let referer = record.referer.as_deref().map(|text| self.keep(text));
        let user_agent = record.user_agent.as_deref().map(|text| self.keep(text));
        self.exchanges.push(Exchange {
            facts: Record {
                method: Cow::Borrowed(""),
                target: Cow::Borrowed(""),
                user: None,
                referer: None,
                user_agent: None,
                hops: record.hops.clone(),
                ..*record
            },
            method,
            target,
            user,
            referer,
            user_agent,
            end: end as u64,
            content: content.min(end as u64),
            taken: content.saturating_sub(end as u64),
        });
    }

    fn keep_name(&mut self, name: &str) -> Range<usize> {
        let start = self.names.len();
        self.names.push_str(name);
        start..self.names.len()
    }

    fn keep(&mut self, text: &[u8]) -> Range<usize> {
        let start = self.texts.len();
        self.texts.extend_from_slice(text);
        start..self.texts.len()
    }

    /// The first `taken` bytes of the output buffer have left it: passes on the records of the
    /// responses that they complete.
    pub(crate) fn advance(&mut self, taken: u64, mut pass_on: impl FnMut(Record<'_>)) {
        let complete = self.exchanges.iter().take_while(|it| it.end <= taken);
        let complete = complete.count();
        for exchange in &self.exchanges[..complete] {
            pass_on(exchange.record(self, exchange.content, Ending::Complete));
        }
        self.exchanges.drain(..complete);
        for exchange in &mut self.exchanges {
            exchange.end -= taken;
            let left = exchange.content.min(exchange.end);
            exchange.taken += exchange.content - left;
            exchange.content = left;
        }
        if self.exchanges.is_empty() {
            self.clear();
        }
    }

    /// Passes on all records. Responses that end within the first `taken` bytes are complete; the
    /// others ended as `ending` says.
    pub(crate) fn settle(
        &mut self,
        taken: u64,
        ending: Ending,
        mut pass_on: impl FnMut(Record<'_>),
    ) {
        for exchange in &self.exchanges {
            let before_content = exchange.end - exchange.content;
            let (sent, ending) = match exchange.end <= taken {
                true => (exchange.content, Ending::Complete),
                false => (taken.saturating_sub(before_content), ending),
            };
            pass_on(exchange.record(self, sent, ending));
        }
        self.clear();
    }

    fn clear(&mut self) {
        self.exchanges.clear();
        self.names.clear();
        self.texts.clear();
    }
}

impl Exchange {
    fn record<'t>(&self, held: &'t Held, sent: u64, ending: Ending) -> Record<'t> {
        let text = |range: &Range<usize>| Cow::Borrowed(&held.names[range.clone()]);
        let bytes = |range: &Option<Range<usize>>| {
            let range = range.clone();
            range.map(|range| Cow::Borrowed(&held.texts[range]))
        };
        Record {
            user: bytes(&self.user),
            method: text(&self.method),
            target: text(&self.target),
            sent: self.taken + sent,
            ending,
            referer: bytes(&self.referer),
            user_agent: bytes(&self.user_agent),
            hops: self.facts.hops.clone(),
            ..self.facts
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Hops;
    use super::*;
    use http::{StatusCode, Version};
    use std::time::{Duration, UNIX_EPOCH};

    fn held() -> Held {
        let mut held = Held::default();
        for (target, end, content) in [("/a", 100, 10), ("/b", 200, 50), ("/c", 220, 0)] {
            let record = Record {
                remote: std::net::SocketAddr::from(([192, 0, 2, 1], 4711)).into(),
                user: None,
                time: UNIX_EPOCH,
                duration: Duration::ZERO,
                method: "GET".into(),
                target: target.into(),
                version: Version::HTTP_11,
                status: StatusCode::OK,
                sent: 0,
                ending: Ending::Complete,
                is_tls: false,
                hops: Hops::default(),
                referer: Some(b"\xff".as_slice().into()),
                user_agent: None,
            };
            held.hold(&record, end, content);
        }
        held
    }

    fn lines(act: impl FnOnce(&mut dyn FnMut(Record<'_>))) -> Vec<(String, u64, Ending)> {
        let mut lines = Vec::new();
        act(&mut |record| {
            assert_eq!(record.method, "GET");
            assert_eq!(record.referer.as_deref(), Some(b"\xff".as_slice()));
            assert_eq!(record.user_agent, None);
            lines.push((record.target.to_string(), record.sent, record.ending));
        });
        lines
    }

    /// Content that left the output in several steps is counted once.
    #[test]
    fn content_is_counted_over_several_steps() {
        let (mut held, other) = (held(), held());
        assert_eq!(lines(|line| held.advance(180, line)).len(), 1);
        let settled = lines(|line| held.settle(20, Ending::ClientGone, line));
        assert_eq!(settled[0], ("/b".to_owned(), 50, Ending::Complete));
        // Most of it was taken before the record was held.
        let record = |held: &mut Held| {
            let record = other.exchanges[0].record(&other, 0, Ending::Complete);
            held.hold(&record, 5, 1000);
        };
        for (taken, sent, ending) in [
            (5, 1000, Ending::Complete),
            (2, 997, Ending::ClientGone),
            (0, 995, Ending::ClientGone),
        ] {
            record(&mut held);
            let settled = lines(|line| held.settle(taken, Ending::ClientGone, line));
            assert_eq!(settled, [("/a".to_owned(), sent, ending)]);
        }
    }

    #[test]
    fn what_was_taken_is_complete_and_the_rest_is_not() {
        use Ending::{ClientGone, Complete};
        let table = [
            (0, [(0, ClientGone), (0, ClientGone), (0, ClientGone)]),
            (95, [(5, ClientGone), (0, ClientGone), (0, ClientGone)]),
            (100, [(10, Complete), (0, ClientGone), (0, ClientGone)]),
            (199, [(10, Complete), (49, ClientGone), (0, ClientGone)]),
            (200, [(10, Complete), (50, Complete), (0, ClientGone)]),
            (220, [(10, Complete), (50, Complete), (0, Complete)]),
        ];
        for (taken, want) in table {
            let want: Vec<_> = ["/a", "/b", "/c"]
                .into_iter()
                .zip(want)
                .map(|(target, (sent, ending))| (target.to_owned(), sent, ending))
                .collect();
            let mut all = held();
            let settled = lines(|line| all.settle(taken, ClientGone, line));
            assert_eq!(settled, want, "{taken}");
            // The same in two steps.
            let mut all = held();
            let mut stepwise = lines(|line| all.advance(taken, line));
            stepwise.extend(lines(|line| all.settle(0, ClientGone, line)));
            let of = |lines: &[(String, u64, Ending)]| {
                let endings = lines
                    .iter()
                    .map(|(target, _, ending)| (target.clone(), *ending));
                endings.collect::<Vec<_>>()
            };
            assert_eq!(of(&stepwise), of(&want), "{taken}");
        }
    }
}
