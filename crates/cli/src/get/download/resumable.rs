//! A download to a file that just finishes: it retries, resumes where it stopped, never joins two
//! versions, and shows the file under its name only when it is whole and verified.

use super::checksum::Checksum;
use super::fit::{announced, is_end, is_rest};
use super::segments;
use crate::failure::Failure;
use crate::get::attempt::{Attempt, AttemptError, Persistence, bad_status, not_the_rest};
use crate::get::fetch::Fetch;
use crate::get::output::destination::Destination;
use crate::get::output::entity_tag::save_entity_tag;
use crate::get::output::partial_file::{self, PartialFile};
use crate::get::output::version::Version;
use crate::get::report::facts::Summary;
use crate::get::request::conditions;
use crate::get::request::range::{self, Start};
use http::{HeaderMap, StatusCode, header};
use std::io::Read;
use std::path::Path;
use std::time::SystemTime;
use tinyhttp_client::retry::{Continuation, Validator, continuation};
use tinyhttp_client::{Error, HttpDate, Response};

/// Downloads the content of the response to a file.
pub(in crate::get) fn download(
    fetch: &Fetch<'_>,
    destination: &Destination,
    summary: &mut Summary,
) -> Result<(), Failure> {
    let args = &fetch.args.download;
    let mut download = Download {
        fetch,
        destination,
        checksum: args.checksum.as_deref().map(Checksum::parse).transpose()?,
        part: resumed(fetch, destination)?,
        has_begun: false,
        has_restarted: false,
    };
    let result = download.finish(summary);
    fetch.bar.finish();
    // What it was that failed is more than where the bytes are, unless nothing but a second run
    // helps.
    result.map_err(
        |failure| match download.part.as_ref().and_then(PartialFile::summary) {
            Some(kept) if !matches!(failure.code(), 22 | 23) => {
                failure.hint(format!("{kept}; run the same command again to continue"))
            }
            _ => failure,
        },
    )
}

/// What an earlier run has left: its part, or with -C the file itself.
fn resumed(fetch: &Fetch<'_>, destination: &Destination) -> Result<Option<PartialFile>, Failure> {
    let Destination::File { path, may_replace } = destination else {
        return Ok(None);
    };
    let url = &fetch.spec.url;
    // With -T it is about the upload.
    let from = range::start(fetch.args)?.filter(|_| fetch.spec.is_empty());
    let offset = match from {
        None | Some(Start::WhereItEnds) => {
            if fetch.spec.is_plain_get() {
                if let Some(part) = PartialFile::find(path, url, *may_replace)? {
                    return Ok(Some(part));
                }
            }
            from.map_or(0, |_| partial_file::length_of(path))
        }
        Some(Start::Byte(offset)) => offset,
    };
    match offset {
        0 => Ok(None),
        offset => PartialFile::in_place(path, offset, url).map(Some),
    }
}

struct Download<'d> {
    fetch: &'d Fetch<'d>,
    destination: &'d Destination,
    checksum: Option<Checksum>,
    part: Option<PartialFile>,
    /// Bytes of this run are in the part.
    has_begun: bool,
    /// A part that didn't fit was thrown away already.
    has_restarted: bool,
}

impl Download<'_> {
    /// Makes attempts until one succeeds or fails for good.
    fn finish(&mut self, summary: &mut Summary) -> Result<(), Failure> {
        let fetch = self.fetch;
        let mut persistence = Persistence::new(fetch.args);
        // What interrupted the content last.
        let mut interruption = None;
        loop {
            let before = self.length();
            summary.written = 0;
            let error = match self.attempt(&persistence, summary) {
                Ok(attempt) => return attempt.into_result(),
                Err(error) => error,
            };
            // What is thrown away for the next try is no progress.
            if self.length() > before && self.may_append() {
                persistence.has_progressed();
            }
            let error = self.judged(error)?;
            let is_mismatch = matches!(error, AttemptError::Mismatch);
            if is_mismatch && !self.is_in_place() && !self.has_restarted {
                // Nothing has to pass for that: the part is gone, and the whole is asked for.
                self.has_restarted = true;
                continue;
            }
            let would_lose = is_mismatch && self.is_in_place();
            if would_lose || !fetch.spec.is_repeatable() {
                return Err(error.into_failure());
            }
            let had_content = summary.written > 0;
            match persistence.wait_for_retry(error, self.was_interrupted(), &fetch.bar) {
                Ok(failure) if had_content && persistence.is_unasked() => {
                    interruption = Some(failure);
                }
                Ok(_) => {}
                // Retries that were not asked for and came to nothing don't hide why they were
                // made.
                Err(error) => {
                    let interruption = interruption.filter(|_| !had_content);
                    return Err(interruption.unwrap_or_else(|| error.into_failure()));
                }
            }
            summary.retries += 1;
        }
    }

    fn length(&self) -> u64 {
        self.part.as_ref().map_or(0, |part| part.length)
    }

    /// Whether content of this run had begun to arrive, of a request that may be made again
    /// unasked.
    fn was_interrupted(&self) -> bool {
        self.has_begun && self.fetch.spec.is_safe()
    }

    /// Whether a request for the rest can continue what is there. Without a validator the rest
    /// could be that of another version. Only the user can say that it is not, with -C.
    fn may_append(&self) -> bool {
        let is_resumable = self.part.as_ref().is_some_and(PartialFile::is_resumable);
        self.is_in_place() || is_resumable && self.fetch.spec.is_plain_get()
    }

    /// A file under its own name isn't thrown away because a server can't resume it.
    fn is_in_place(&self) -> bool {
        self.part.as_ref().is_some_and(PartialFile::is_in_place)
    }

    /// Makes one attempt.
    fn attempt(
        &mut self,
        persistence: &Persistence,
        summary: &mut Summary,
    ) -> Result<Attempt, AttemptError> {
        let offset = if self.may_append() { self.length() } else { 0 };
        let version = self.part.as_ref().map(PartialFile::version);
        let version = version.filter(|_| offset > 0).cloned();
        if version
            .as_ref()
            .is_some_and(|version| !version.segments.is_empty())
        {
            return self.in_segments(None, summary);
        }
        let mut fields = Vec::new();
        if !self.fetch.spec.fields.is_named("Want-Repr-Digest") {
            fields.push(("Want-Repr-Digest", "sha-256=1".to_owned()));
        }
        if let Some(version) = &version {
            fields.push(("Range", format!("bytes={offset}-")));
            let validator = version.validator.as_ref().map(Validator::as_str);
            fields.extend(validator.map(|value| ("If-Range", value.to_owned())));
        }
        let response = self.fetch.send(&fields)?;
        if persistence.has_more() {
            if let Some(error) = AttemptError::of(&response) {
                return Err(error);
            }
        }
        save_entity_tag(self.fetch.args, &response)?;
        let status = response.status();
        if let Some(version) = version {
            let validator = version.validator.as_ref();
            match continuation(status, response.fields(), offset, None, validator) {
                Continuation::Append { total } if is_rest(&response, &version) => {
                    return self.append(response, total, summary);
                }
                Continuation::Complete if is_end(&response, &version, offset) => {
                    return self.complete(response.fields(), summary);
                }
                _ if self.is_in_place() && range::is_complete(&response, offset) => {
                    return self.complete(response.fields(), summary);
                }
                Continuation::Restart if self.is_in_place() => {
                    return Ok(Attempt::Failed(AttemptError::Mismatch.into_failure()));
                }
                Continuation::Restart => self.note_restart(),
                Continuation::Other if status == StatusCode::NOT_MODIFIED => {}
                // As curl has it where -C names the file that is resumed.
                Continuation::Other if self.is_in_place() && !self.fetch.args.output.fail => {
                    return Ok(Attempt::Failed(not_the_rest(status, response.reason())));
                }
                Continuation::Other => {
                    return Ok(Attempt::Failed(bad_status(status, response.reason())));
                }
                _ => return Err(self.mismatch()?),
            }
        }
        if self.fetch.args.output.fail && status.as_u16() >= 400 {
            return Ok(Attempt::Failed(bad_status(status, response.reason())));
        }
        summary.is_unmet = !conditions::is_met(self.fetch.args, &response)?;
        if status == StatusCode::NOT_MODIFIED || summary.is_unmet {
            return Ok(self.not_modified(summary).into());
        }
        self.whole(response, persistence, summary)
    }

    fn note_restart(&self) {
        if !self.fetch.args.output.silent {
            let bar = &self.fetch.bar;
            bar.note("the server sends the file from its beginning");
        }
    }

    /// A response that is not the rest that was asked for makes what is there worthless.
    fn judged(&mut self, error: AttemptError) -> Result<AttemptError, Failure> {
        let is_part = matches!(error, AttemptError::Error(Error::Part { .. }));
        if is_part
            && self.part.as_ref().is_some_and(PartialFile::is_resumable)
            && !self.is_in_place()
        {
            return self.mismatch();
        }
        Ok(error)
    }

    /// The part fits nothing that the server has. One that is not the user's own file is emptied.
    fn mismatch(&mut self) -> Result<AttemptError, Failure> {
        if let Some(part) = self.part.as_mut().filter(|part| !part.is_in_place()) {
            part.restart(Version::unknown(&self.fetch.spec.url))?;
        }
        Ok(AttemptError::Mismatch)
    }

    /// The server has nothing newer than the file that is there.
    fn not_modified(&self, summary: &mut Summary) -> Result<(), Failure> {
        let (Some(checksum), Destination::File { path, .. }) = (&self.checksum, self.destination)
        else {
            return self
                .checksum
                .as_ref()
                .map_or(Ok(()), |_| Err(nothing_to_verify()));
        };
        let file = std::fs::File::open(path).map_err(|_| nothing_to_verify())?;
        summary.verified = Some(checksum.verify(file, path, "the file was left as it is")?);
        Ok(())
    }

    /// The whole content, from its first byte.
    fn whole(
        &mut self,
        response: Response,
        persistence: &Persistence,
        summary: &mut Summary,
    ) -> Result<Attempt, AttemptError> {
        let fetch = self.fetch;
        let path = match &self.part {
            Some(part) => part.path.clone(),
            None => {
                let redirected = fetch.redirected();
                let fields = response.fields();
                self.destination
                    .path(fetch.args, fields, redirected.as_ref())?
            }
        };
        let length = announced(&response)?;
        let status = response.status();
        if status == StatusCode::PARTIAL_CONTENT && fetch.spec.fields.get("Range").is_none() {
            let what = "the server sent a part of the file, which nothing asked for";
            return Ok(Attempt::Failed(Failure::with_code(33, what)));
        }
        if let Some(length) = length {
            fetch.pump().check_length(length)?;
        }
        if status.as_u16() >= 400 && !fetch.args.output.silent {
            let (code, reason, path) = (status.as_u16(), response.reason(), path.display());
            fetch.bar.note(&format!(
                "the server responded with {code} {reason}; the content is written to {path}"
            ));
        }
        let mut version = Version::of(&fetch.spec.url, &response);
        version.total = version.total.or(length);
        if self.part.is_none() && self.finds(&path, &version)? {
            drop(response);
            return self.attempt(persistence, summary);
        }
        let may_replace = self.destination.may_replace(fetch.args);
        let part = match &mut self.part {
            Some(part) => part,
            None => self
                .part
                .insert(PartialFile::create(&path, &fetch.spec.url, may_replace)?),
        };
        let parts = segments::plan(&response, fetch.args.download.parallel_segments, &version);
        if let Some(version) = parts.filter(|_| fetch.spec.is_plain_get()) {
            part.restart(version)?;
            return self.in_segments(Some(response), summary);
        }
        part.restart(version)?;
        self.receive(response, length, summary)
    }

    /// Looks for a part of this version where the server names the file, which is not known before
    /// it has answered.
    fn finds(&mut self, path: &Path, version: &Version) -> Result<bool, Failure> {
        if !matches!(self.destination, Destination::Named(_)) || !self.fetch.spec.is_plain_get() {
            return Ok(false);
        }
        let may_replace = self.destination.may_replace(self.fetch.args);
        let found = PartialFile::find(path, &self.fetch.spec.url, may_replace)?;
        self.part = found.filter(|part| part.version().validator == version.validator);
        Ok(self.part.is_some())
    }

    /// The rest of the content.
    fn append(
        &mut self,
        response: Response,
        total: Option<u64>,
        summary: &mut Summary,
    ) -> Result<Attempt, AttemptError> {
        if let Some(total) = total {
            self.fetch.pump().check_length(total)?;
        }
        if let Some(part) = &mut self.part {
            let mut version = part.version().clone();
            version.total = total.or(version.total);
            // A file of the user's has had none; from here on it has this one.
            version.validator = version
                .validator
                .or_else(|| Validator::of(response.fields()));
            part.set_version(version)?;
        }
        let length = announced(&response)?;
        self.receive(response, length, summary)
    }

    /// Takes in the content, which has that many bytes if that is known.
    fn receive(
        &mut self,
        mut response: Response,
        length: Option<u64>,
        summary: &mut Summary,
    ) -> Result<Attempt, AttemptError> {
        let Some(part) = &mut self.part else {
            return Ok(Attempt::Done);
        };
        let before = part.length;
        summary.is_decoded = response.is_decoded();
        self.fetch.bar.expect(part.version().total, before);
        self.has_begun = true;
        let limit = length.unwrap_or(u64::MAX);
        let result = self.fetch.pump().run(&mut response, limit, &mut |piece| {
            part.write(piece)?;
            Ok(true)
        });
        let received = part.length - before;
        summary.written = received;
        result?;
        if let Some(announced) = length.filter(|length| *length > received) {
            return Err(AttemptError::Short {
                received,
                announced,
            });
        }
        // Bytes beyond the announced ones show that the announcement was wrong.
        if length.is_some() && matches!(response.read(&mut [0]), Ok(1..)) {
            return Err(self.mismatch()?);
        }
        self.complete(response.fields(), summary)
    }

    /// Fetches what is missing over several connections.
    fn in_segments(
        &mut self,
        first: Option<Response>,
        summary: &mut Summary,
    ) -> Result<Attempt, AttemptError> {
        let Some(part) = &mut self.part else {
            return Ok(Attempt::Done);
        };
        let (fetch, before, is_resumed) = (self.fetch, part.length, first.is_none());
        fetch.bar.expect(part.version().total, before);
        let result = segments::run(fetch, first, part);
        summary.written = part.length - before;
        match result {
            Ok(fields) => self.complete(&fields, summary),
            Err(AttemptError::Changed) if is_resumed => Err(self.mismatch()?),
            Err(error @ AttemptError::Changed) => {
                if let Some(part) = self.part.take() {
                    part.discard();
                }
                Ok(Attempt::Failed(error.into_failure()))
            }
            // Every segment has been retried by itself.
            Err(error) => Ok(Attempt::Failed(error.into_failure())),
        }
    }

    /// All bytes have come: are they as many as announced, and the right ones?
    fn complete(
        &mut self,
        fields: &HeaderMap,
        summary: &mut Summary,
    ) -> Result<Attempt, AttemptError> {
        let Some(part) = &self.part else {
            return Ok(Attempt::Done);
        };
        match part.version().total {
            Some(total) if part.length < total => {
                return Err(AttemptError::Short {
                    received: part.length,
                    announced: total,
                });
            }
            Some(total) if part.length > total => return Err(self.mismatch()?),
            _ => {}
        }
        summary.file = Some(part.path.clone());
        let verified = self.verify(part, fields);
        let Some(part) = self.part.take() else {
            return Ok(Attempt::Done);
        };
        match verified {
            Ok(verified) => summary.verified = verified,
            Err(failure) => {
                part.discard();
                return Ok(Attempt::Failed(failure));
            }
        }
        Ok(part.finish(self.modified(fields)).into())
    }

    /// Compares with the sum that was asked for, else with the one that the server named for the
    /// whole.
    fn verify(&self, part: &PartialFile, fields: &HeaderMap) -> Result<Option<String>, Failure> {
        let is_other = fields.contains_key(header::CONTENT_ENCODING)
            || self.fetch.spec.fields.get("Range").is_some();
        let named = Checksum::of_fields(fields).filter(|_| !is_other);
        let Some(checksum) = self.checksum.clone().or(named) else {
            return Ok(None);
        };
        let path = part.temporary();
        let file = part.reader().map_err(|error| {
            let path = path.display();
            Failure::with_code(23, format!("could not read {path} again: {error}"))
        })?;
        let hint = match part.is_in_place() {
            true => "the file is damaged, or is another version",
            false => "the file was removed; it is damaged, or is another version",
        };
        checksum.verify(file, path, hint).map(Some)
    }

    /// The date for -R.
    fn modified(&self, fields: &HeaderMap) -> Option<SystemTime> {
        let value = fields.get(header::LAST_MODIFIED)?;
        let date = HttpDate::parse(value.as_bytes(), HttpDate::MAX)?;
        self.fetch.args.download.remote_time.then(|| date.into())
    }
}

fn nothing_to_verify() -> Failure {
    Failure::with_code(
        110,
        "the server sent no content, and there is no file to verify",
    )
    .hint("leave out --checksum, or what makes the request conditional")
}
