//! Shows a response as it arrives: on standard output, or in a file that cannot be resumed.

use super::attempt::{AttemptError, Persistence, bad_status};
use super::download::checksum::{Checksum, Running};
use super::fetch::Fetch;
use super::output::destination::Destination;
use super::output::entity_tag::save_entity_tag;
use super::output::sink::Output;
use super::report::facts::Summary;
use super::request::range::{self, Start};
use crate::failure::Failure;
use http::Method;
use tinyhttp_client::retry::{Continuation, continuation};
use tinyhttp_client::{BodyLength, Response};

/// Shows the response. It is retried as long as nothing has been shown.
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
    let mut persistence = Persistence::new(fetch.args);
    loop {
        let mut show = Show {
            fetch,
            destination,
            checksum: checksum.as_ref(),
            summary,
        };
        let error = match show.attempt(&persistence) {
            Ok(done) => return done,
            Err(error) => error,
        };
        if summary.written > 0 || !fetch.spec.is_repeatable() {
            return Err(error.into_failure());
        }
        persistence
            .wait_for_retry(error, false, &fetch.bar)
            .map_err(AttemptError::into_failure)?;
        summary.retries += 1;
    }
}

/// One attempt to show a response.
struct Show<'s> {
    fetch: &'s Fetch<'s>,
    destination: &'s Destination,
    checksum: Option<&'s Checksum>,
    summary: &'s mut Summary,
}

impl Show<'_> {
    /// The outer result tells whether the attempt came to an end, the inner one how.
    fn attempt(&mut self, persistence: &Persistence) -> Result<Result<(), Failure>, AttemptError> {
        let fetch = self.fetch;
        let args = fetch.args;
        let offset = offset(fetch)?;
        let fields = offset.map(|offset| ("Range", format!("bytes={offset}-")));
        let response = fetch.send(fields.as_slice())?;
        if persistence.has_more()
            && let Some(error) = AttemptError::of(&response)
        {
            return Err(error);
        }
        if !args.download.progress_bar {
            fetch.bar.finish();
        }
        save_entity_tag(args, &response)?;
        if args.output.fail && response.status().as_u16() >= 400 {
            return Ok(Err(bad_status(response.status(), response.reason())));
        }
        if let Some(offset) = offset {
            match continuation(response.status(), response.fields(), offset, None, None) {
                Continuation::Append { .. } | Continuation::Other => {}
                Continuation::Complete => return Ok(Ok(())),
                Continuation::Restart | Continuation::Mismatch => {
                    let what = format!("the server did not send the content from byte {offset} on");
                    let hint = "it may not know ranges: ask for the whole, without -C";
                    return Ok(Err(Failure::with_code(33, what).hint(hint)));
                }
            }
        }
        let output = self.open(&response)?;
        self.write(response, output)
    }

    /// Opens the output, and writes the heads that belong before the content.
    fn open(&self, response: &Response) -> Result<Output, Failure> {
        let (fetch, flags) = (self.fetch, &self.fetch.args.output);
        let is_stdout = *self.destination == Destination::Stdout;
        let mut output = match self.destination {
            // Standard output is for the account.
            Destination::Stdout if flags.explain || flags.json_out => Output::Nowhere,
            Destination::Stdout => Output::stdout(fetch.console, response.fields())?,
            Destination::Special(path) => Output::special(path)?,
            Destination::File { .. } | Destination::Named(_) => {
                let path = self.destination.path(fetch.args, response.fields())?;
                let may_replace = self.destination.may_replace(fetch.args);
                Output::file(&path, &fetch.spec.url, may_replace)?
            }
        };
        let is_readable = fetch.console.is_readable && is_stdout;
        if flags.include || flags.head || is_readable && !flags.verbose {
            for hop in response.trace().hops {
                output.head(&hop.response.head)?;
            }
        }
        Ok(output)
    }

    /// Writes the content, and verifies it.
    fn write(
        &mut self,
        mut response: Response,
        mut output: Output,
    ) -> Result<Result<(), Failure>, AttemptError> {
        let fetch = self.fetch;
        let pump = fetch.pump();
        if let BodyLength::Known(length) = response.length() {
            pump.check_length(length)?;
            let shown = Some(length).filter(|_| !response.is_decoded());
            fetch.bar.expect(shown, 0);
        }
        let mut sum = self.checksum.map(Checksum::start);
        pump.run(&mut response, u64::MAX, &mut |piece| {
            output.write(piece)?;
            self.summary.written += piece.len() as u64;
            if let Some(sum) = &mut sum {
                sum.update(piece);
            }
            Ok(sum.is_some() || !output.has_seen_enough())
        })?;
        // Unread content is discarded with the response, before -v reports the last step.
        let (status, reason) = (response.status(), response.reason().to_owned());
        drop(response);
        match sum.map(Running::finish).transpose() {
            Ok(verified) => self.summary.verified = verified,
            Err(failure) => {
                output.discard();
                return Ok(Err(failure));
            }
        }
        self.summary.file = output.finish()?;
        if fetch.args.output.fail_with_body && status.as_u16() >= 400 {
            return Ok(Err(bad_status(status, &reason)));
        }
        Ok(Ok(()))
    }
}

/// Where the content starts that -C asks for. Content that is sent has no rest to be asked for.
fn offset(fetch: &Fetch<'_>) -> Result<Option<u64>, Failure> {
    Ok(match range::start(fetch.args)? {
        Some(Start::Byte(offset)) if fetch.spec.method == Method::GET && fetch.spec.is_empty() => {
            Some(offset).filter(|offset| *offset > 0)
        }
        _ => None,
    })
}
