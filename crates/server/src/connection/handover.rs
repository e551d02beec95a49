//! From a response that names a file to the response with that file.

use super::call::Collected;
use super::forwarding::Forwarding;
use super::turn::Turn;
use super::{Connection, State, Step};
use crate::access_log::Ending;
use crate::body::Body;
use crate::handler::{Receive, Reply};
use crate::request::Request;

impl Connection {
    /// Ends an exchange whose response names a file. The request continues with that file, as one
    /// whose content has been received. `is_complete`: the whole response has come, so that its
    /// connection can be kept.
    pub(super) fn hand_over(
        &mut self,
        mut forwarding: Forwarding,
        is_complete: bool,
        turn: &mut Turn<'_>,
    ) -> Step {
        forwarding.note_upstream(turn.now());
        if let Some(attempt) = forwarding.attempt.take().filter(|_| is_complete) {
            attempt.finish(&turn.env.upstreams, turn.now());
        }
        let rules = forwarding.plan.as_mut().map(|plan| &mut plan.response);
        let files = rules.and_then(|rules| {
            let files = rules.files.take()?;
            Some((files, std::mem::take(&mut rules.changes)))
        });
        let Some((mut files, changes)) = files else {
            return self.close_forwarding(forwarding, Ending::Failed, turn.env);
        };
        let change = move |response| {
            let changes = changes.into_iter();
            changes.fold(response, |response, change| change(response))
        };
        let request = Request::from(http::Request::new(Body::empty()));
        let receive = Receive::new(request, 0, move |_| match files.ready() {
            Some(response) => change(response).into(),
            None => Reply::blocking(move || change(files.wait())),
        });
        let record = forwarding.record.take().map(|record| *record);
        self.state = State::Resuming(Box::new(Collected {
            receive,
            record,
            refusal: None,
        }));
        Step::Resume
    }
}
