//! Shows a response as it arrives: on standard output, or in a file that cannot be resumed.

use super::attempt::{Attempt, AttemptError, Persistence, bad_status, not_the_rest};
use super::download::checksum::{Checksum, Running};
use super::fetch::Fetch;
use super::output::destination::Destination;
use super::output::entity_tag::save_entity_tag;
use super::output::partial_file;
use super::output::sink::Output;
use super::report::facts::{self, Summary};
use super::request::conditions;
use super::request::range::{self, Start};
use crate::failure::Failure;
use http::{HeaderMap, Method, StatusCode};
use tinyhttp_client::retry::{Continuation, continuation};
use tinyhttp_client::{BodyLength, Response};

/// Shows the response. It is retried as long as none of its content has been shown.
pub(super) fn show(
    fetch: &Fetch<'_>,
    destination: &Destination,
    summary: &mut Summary,
) -> Result<(), Failure> {
    let sum = fetch.args.download.checksum.as_deref();
    let checksum = sum.map(Checksum::parse).transpose()?;
    if checksum.is_some() && fetch.spec.method == Method::HEAD {
        let what = "--checksum has nothing to verify: the response to HEAD has no content";
        return Err(Failure::with_code(2, what).hint("leave out -I or --checksum"));
    }
    let mut show = Show {
        fetch,
        destination,
        offset: offset(fetch, destination)?,
        checksum,
        output: None,
        summary,
    };
    let result = show.run();
    if result.is_err() {
        show.after_failure();
    }
    result
}

/// A response on its way to the output.
struct Show<'s> {
    fetch: &'s Fetch<'s>,
    destination: &'s Destination,
    /// Where the content starts that -C asks for.
    offset: Option<u64>,
    checksum: Option<Checksum>,
    /// The output, once there is anything to write.
    output: Option<Output>,
    summary: &'s mut Summary,
}

impl Show<'_> {
    /// Makes attempts until one succeeds or fails for good.
    fn run(&mut self) -> Result<(), Failure> {
        let fetch = self.fetch;
        let mut persistence = Persistence::new(fetch.args);
        loop {
            let error = match self.attempt(&persistence) {
                Ok(attempt) => return attempt.into_result(),
                Err(error) => error,
            };
            if self.summary.written > 0 || !fetch.spec.is_repeatable() {
                return Err(error.into_failure());
            }
            persistence
                .wait_for_retry(error, false, &fetch.bar)
                .map_err(AttemptError::into_failure)?;
            self.summary.retries += 1;
            self.forget_heads();
        }
    }

    /// Of attempts with content, a file has the heads of the last one only.
    fn forget_heads(&self) {
        let has_content = |length| !matches!(length, BodyLength::Empty | BodyLength::Known(0));
        let trace = self.fetch.trace();
        let length = trace.hops.last().and_then(|hop| hop.response.length);
        let is_file = matches!(
            self.destination,
            Destination::File { .. } | Destination::Named(_)
        );
        if is_file && length.is_some_and(has_content) {
            drop(self.fetch.take_heads());
        }
    }

    /// Makes one attempt.
    fn attempt(&mut self, persistence: &Persistence) -> Result<Attempt, AttemptError> {
        let fetch = self.fetch;
        let args = fetch.args;
        let range = self
            .offset
            .map(|offset| ("Range", format!("bytes={offset}-")));
        let response = fetch.send(range.as_slice())?;
        if persistence.has_more() {
            if let Some(error) = AttemptError::of(&response) {
                return Err(error);
            }
        }
        if !args.download.progress_bar {
            fetch.bar.finish();
        }
        save_entity_tag(args, &response)?;
        if let Some(offset) = self.offset {
            match continuation(response.status(), response.fields(), offset, None, None) {
                Continuation::Append { .. } => {}
                Continuation::Other
                    if args.output.fail || response.status() == StatusCode::NOT_MODIFIED => {}
                // What is resumed is no place for the page of an error.
                Continuation::Other => {
                    return Ok(Attempt::Failed(not_the_rest(
                        response.status(),
                        response.reason(),
                    )));
                }
                Continuation::Complete => return self.only_heads(response),
                _ if range::is_complete(&response, offset) => return self.only_heads(response),
                Continuation::Restart | Continuation::Mismatch => {
                    let what = format!("the server did not send the content from byte {offset} on");
                    let hint = "it may not know ranges: ask for the whole, without -C";
                    return Ok(Attempt::Failed(Failure::with_code(33, what).hint(hint)));
                }
                _ => {}
            }
        }
        if args.output.fail && response.status().as_u16() >= 400 {
            return Ok(Attempt::Failed(bad_status(
                response.status(),
                response.reason(),
            )));
        }
        if !conditions::is_met(args, &response)? {
            self.summary.is_unmet = true;
            return self.only_heads(response);
        }
        self.open(response.fields())?;
        self.write(response)
    }

    /// Writes the heads, if they are asked for, and no content.
    fn only_heads(&mut self, response: Response) -> Result<Attempt, AttemptError> {
        if self.shows_heads() {
            self.open(response.fields())?;
        }
        drop(response);
        self.finish()
    }

    /// Writes the heads that came before a failure, if -i asks for them. Content that -C resumes
    /// is left as it is.
    fn after_failure(&mut self) {
        let flags = &self.fetch.args.output;
        let is_resumed = match (self.offset, self.destination) {
            (Some(_), Destination::File { path, .. }) => partial_file::length_of(path) > 0,
            _ => false,
        };
        if !(flags.include || flags.head) || is_resumed {
            return;
        }
        let fields = facts::fields(self.fetch.trace().hops.last());
        // The failure is what is reported, not that its heads could not be written.
        let _ = self.open(&fields);
        if !matches!(self.output, Some(Output::File(_))) {
            if let Some(output) = self.output.take() {
                let _ = output.finish();
            }
        }
    }

    /// Opens the output, and writes the heads that have come.
    fn open(&mut self, fields: &HeaderMap) -> Result<(), Failure> {
        let (fetch, flags) = (self.fetch, &self.fetch.args.output);
        let heads = fetch.take_heads();
        let shows_heads = self.shows_heads();
        let output = match &mut self.output {
            Some(output) => output,
            none => none.insert(match self.destination {
                // Standard output is for the account.
                Destination::Stdout if flags.explain || flags.json_out => Output::Nowhere,
                Destination::Stdout => Output::stdout(fetch.console, fields)?,
                Destination::Special(path) => Output::special(path)?,
                Destination::File { .. } | Destination::Named(_) => {
                    let redirected = fetch.redirected();
                    let path = self
                        .destination
                        .path(fetch.args, fields, redirected.as_ref())?;
                    match self.offset {
                        Some(offset) if partial_file::length_of(&path) > 0 => {
                            Output::resumed(&path, offset, &fetch.spec.url)?
                        }
                        _ => {
                            let may_replace = self.destination.may_replace(fetch.args);
                            Output::file(&path, &fetch.spec.url, may_replace)?
                        }
                    }
                }
            }),
        };
        for head in heads.iter().filter(|_| shows_heads) {
            output.head(head)?;
        }
        Ok(())
    }

    fn shows_heads(&self) -> bool {
        let flags = &self.fetch.args.output;
        let is_stdout = *self.destination == Destination::Stdout;
        let is_readable = self.fetch.console.is_readable && is_stdout;
        flags.include || flags.head || is_readable && !flags.verbose
    }

    /// Writes the content, and verifies it.
    fn write(&mut self, mut response: Response) -> Result<Attempt, AttemptError> {
        let fetch = self.fetch;
        let pump = fetch.pump();
        if let BodyLength::Known(length) = response.length() {
            pump.check_length(length)?;
            let shown = Some(length).filter(|_| !response.is_decoded());
            fetch.bar.expect(shown, 0);
        }
        self.summary.is_decoded = response.is_decoded();
        let mut sum = self.checksum.as_ref().map(Checksum::start);
        let (summary, output) = (&mut *self.summary, &mut self.output);
        pump.run(&mut response, u64::MAX, &mut |piece| {
            let Some(output) = output else {
                return Ok(false);
            };
            output.write(piece)?;
            summary.written += piece.len() as u64;
            if let Some(sum) = &mut sum {
                sum.update(piece);
            }
            Ok(sum.is_some() || !output.has_seen_enough())
        })?;
        // Unread content is discarded with the response, before -v reports the last step.
        let (status, reason) = (response.status(), response.reason().to_owned());
        let fields = response.fields().clone();
        drop(response);
        // Trailers, if any.
        self.open(&fields)?;
        match sum.map(Running::finish).transpose() {
            Ok(verified) => self.summary.verified = verified,
            Err(failure) => {
                if let Some(output) = self.output.take() {
                    output.discard();
                }
                return Ok(Attempt::Failed(failure));
            }
        }
        let finished = self.finish()?;
        if fetch.args.output.fail_with_body && status.as_u16() >= 400 {
            return Ok(Attempt::Failed(bad_status(status, &reason)));
        }
        Ok(finished)
    }

    fn finish(&mut self) -> Result<Attempt, AttemptError> {
        if let Some(output) = self.output.take() {
            self.summary.file = output.finish()?;
        }
        Ok(Attempt::Done)
    }
}

/// Where the content starts that -C asks for. Content that is sent has no rest to be asked for.
fn offset(fetch: &Fetch<'_>, destination: &Destination) -> Result<Option<u64>, Failure> {
    if fetch.spec.method != Method::GET || !fetch.spec.is_empty() {
        return Ok(None);
    }
    let offset = match (range::start(fetch.args)?, destination) {
        (Some(Start::Byte(offset)), _) => offset,
        (Some(Start::WhereItEnds), Destination::File { path, .. }) => partial_file::length_of(path),
        _ => 0,
    };
    if let Destination::File { path, .. } = destination {
        let length = partial_file::length_of(path);
        if (1..offset).contains(&length) {
            return Err(partial_file::too_short(path, length, offset));
        }
    }
    Ok(Some(offset).filter(|offset| *offset > 0))
}
