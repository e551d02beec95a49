//! A download to a file that just finishes: it tries again, goes on where it stopped, never joins two versions, and shows
//! the file under its name only when it is whole and verified.

use super::checksum::Checksum;
use super::job::{Job, Record};
use super::part::Part;
use super::place::Place;
use super::segments;
use super::transfer::keep_aside;
use super::trouble::{Persistence, Trouble, bad_status};
use crate::failure::Failure;
use http::{HeaderMap, StatusCode, header};
use std::path::Path;
use std::time::SystemTime;
use tinyhttp_client::retry::{Continuation, Validator, continuation};
use tinyhttp_client::{BodyLength, HttpDate, Response};

/// Downloads the content of the response to a file.
pub(super) fn download(job: &Job<'_>, place: &Place, record: &mut Record) -> Result<(), Failure> {
    let args = &job.args.download;
    let mut download = Download {
        job,
        place,
        checksum: args.checksum.as_deref().map(Checksum::parse).transpose()?,
        part: resumed(job, place)?,
        has_begun: false,
        has_restarted: false,
    };
    let mut persistence = Persistence::new(job.args);
    loop {
        let before = download.length();
        match download.attempt(&persistence, record) {
            Ok(done) => {
                job.bar.finish();
                return done;
            }
            Err(trouble) => {
                if download.length() > before {
                    persistence.has_progressed();
                }
                let is_mismatch = matches!(trouble, Trouble::Mismatch);
                if is_mismatch && !download.is_in_place() && !download.has_restarted {
                    // Nothing has to pass for that: the part is gone, and the whole is asked for.
                    download.has_restarted = true;
                    continue;
                }
                let would_lose = is_mismatch && download.is_in_place();
                let may_repeat = job.plan.is_repeatable() && !would_lose;
                let result = match may_repeat {
                    true => persistence.again(trouble, download.is_resumable(), &job.bar),
                    false => Err(trouble),
                };
                if let Err(trouble) = result {
                    job.bar.finish();
                    return Err(trouble.into_failure());
                }
                record.retries += 1;
            }
        }
    }
}

/// The file that -C goes on with.
fn resumed(job: &Job<'_>, place: &Place) -> Result<Option<Part>, Failure> {
    let (Some(from), Place::File(path)) = (&job.args.download.continue_at, place) else {
        return Ok(None);
    };
    if from == "-" {
        return Part::resume(path, job.plan.url.as_str()).map(Some);
    }
    let offset = from.parse().map_err(|_| {
        Failure::with_code(2, format!("-C {from:?} is neither a number of bytes nor -"))
    })?;
    Part::resume_at(path, offset).map(Some)
}

struct Download<'d> {
    job: &'d Job<'d>,
    place: &'d Place,
    checksum: Option<Checksum>,
    part: Option<Part>,
    /// Bytes of this run are in the part.
    has_begun: bool,
    /// A part that didn't fit was thrown away already.
    has_restarted: bool,
}

impl Download<'_> {
    fn length(&self) -> u64 {
        self.part.as_ref().map_or(0, |part| part.length)
    }

    /// Whether what has come can be gone on with.
    fn is_resumable(&self) -> bool {
        let part = self.part.as_ref();
        self.has_begun && part.is_some_and(|part| part.validator.is_some() && part.length > 0)
    }

    /// A file under its own name isn't thrown away because a server can't go on with it.
    fn is_in_place(&self) -> bool {
        self.part.as_ref().is_some_and(Part::is_in_place)
    }

    /// One try. The outer result is whether it came to an end, the inner one to which.
    fn attempt(
        &mut self,
        persistence: &Persistence,
        record: &mut Record,
    ) -> Result<Result<(), Failure>, Trouble> {
        let mut fields = vec![("Want-Repr-Digest", "sha-256=1".to_owned())];
        let offset = self.length();
        let validator = self.part.as_ref().and_then(|part| part.validator.clone());
        if offset > 0 {
            fields.push(("Range", format!("bytes={offset}-")));
            if let Some(validator) = &validator {
                fields.push(("If-Range", validator.as_str().to_owned()));
            }
        }
        let response = self.job.send(&fields)?;
        if persistence.has_more()
            && let Some(trouble) = Trouble::of(&response)
        {
            return Err(trouble);
        }
        keep_aside(self.job, &response)?;
        let status = response.status();
        if offset > 0 {
            match continuation(status, response.fields(), offset, None, validator.as_ref()) {
                Continuation::Append { total } => return self.append(response, total, record),
                Continuation::Complete => return Ok(self.complete(response.fields(), record)),
                Continuation::Restart if self.is_in_place() => {
                    return Ok(Err(Trouble::Mismatch.into_failure()));
                }
                Continuation::Restart => {
                    self.job
                        .bar
                        .note("the server sends the file from its beginning");
                }
                Continuation::Mismatch => {
                    let part = self.part.as_mut().filter(|part| !part.is_in_place());
                    if let Some(part) = part {
                        part.restart(None, self.job.plan.url.as_str())?;
                    }
                    return Err(Trouble::Mismatch);
                }
                Continuation::Other => {
                    return Ok(Err(bad_status(status, response.reason())));
                }
            }
        }
        if self.job.args.output.fail && status.as_u16() >= 400 {
            return Ok(Err(bad_status(status, response.reason())));
        }
        if status == StatusCode::NOT_MODIFIED {
            // What is there is what would have come.
            return Ok(Ok(()));
        }
        self.whole(response, record)
    }

    /// The whole content, from its first byte.
    fn whole(
        &mut self,
        response: Response,
        record: &mut Record,
    ) -> Result<Result<(), Failure>, Trouble> {
        let job = self.job;
        let path = match &self.part {
            Some(part) => part.path.clone(),
            None => self.place.path(job.args, response.fields())?,
        };
        if let BodyLength::Known(length) = response.length() {
            job.pump().check_length(length)?;
        }
        let status = response.status().as_u16();
        if status >= 400 && !job.args.output.silent {
            let path = path.display();
            job.bar.note(&format!(
                "the server answered {status} {}; that page goes to {path}",
                response.reason()
            ));
        }
        let parts = segments::count(&response, job.args.download.parallel_segments);
        if let Some(parts) = parts.filter(|_| status == 200 && job.plan.is_repeatable()) {
            return self.in_segments(response, &path, parts, record);
        }
        let validator = Validator::of(response.fields()).filter(|_| {
            // Decoded content has other bytes than those that ranges count.
            status == 200 && !response.is_decoded()
        });
        let part = match &mut self.part {
            Some(part) => part,
            None => self.part.insert(Part::create(&path)?),
        };
        part.restart(validator, job.plan.url.as_str())?;
        let total = match response.length() {
            BodyLength::Known(length) if !response.is_decoded() => Some(length),
            _ => None,
        };
        self.receive(response, total, record)
    }

    /// The rest of the content.
    fn append(
        &mut self,
        response: Response,
        total: Option<u64>,
        record: &mut Record,
    ) -> Result<Result<(), Failure>, Trouble> {
        if let Some(total) = total {
            self.job.pump().check_length(total)?;
        }
        self.receive(response, total, record)
    }

    fn receive(
        &mut self,
        mut response: Response,
        total: Option<u64>,
        record: &mut Record,
    ) -> Result<Result<(), Failure>, Trouble> {
        let Some(part) = &mut self.part else {
            return Ok(Ok(()));
        };
        self.job.bar.expect(total, part.length);
        self.has_begun = true;
        let before = part.length;
        let result = self.job.pump().run(&mut response, u64::MAX, &mut |piece| {
            part.write(piece)?;
            Ok(true)
        });
        record.written = part.length - before;
        result?;
        Ok(self.complete(response.fields(), record))
    }

    fn in_segments(
        &mut self,
        response: Response,
        path: &Path,
        parts: (u64, u64, Validator),
        record: &mut Record,
    ) -> Result<Result<(), Failure>, Trouble> {
        let (fields, total) = (response.fields().clone(), parts.1);
        self.job.bar.expect(Some(total), 0);
        let temporary = segments::fetch(self.job, response, path, parts)?;
        record.written = total;
        record.file = Some(path.to_owned());
        let verified = self.verify(&temporary, &fields, record);
        if let Err(failure) = verified {
            // It is the wrong one; that it can't be removed changes nothing about that.
            let _ = std::fs::remove_file(&temporary);
            return Ok(Err(failure));
        }
        let result = std::fs::File::options()
            .write(true)
            .open(&temporary)
            .and_then(|file| {
                self.modified(&fields)
                    .map_or(Ok(()), |date| file.set_modified(date))
            })
            .and_then(|()| std::fs::rename(&temporary, path));
        Ok(result
            .map_err(|error| super::failure::write_failure(&path.display().to_string(), &error)))
    }

    /// All bytes are there: are they the right ones?
    fn complete(&mut self, fields: &HeaderMap, record: &mut Record) -> Result<(), Failure> {
        let Some(part) = self.part.take() else {
            return Ok(());
        };
        record.file = Some(part.path.clone());
        if let Err(failure) = self.verify(part.temporary(), fields, record) {
            part.discard();
            return Err(failure);
        }
        part.finish(self.modified(fields))
    }

    /// The sum that was asked for, else the one that the server named.
    fn verify(&self, path: &Path, fields: &HeaderMap, record: &mut Record) -> Result<(), Failure> {
        let is_encoded = fields.contains_key(header::CONTENT_ENCODING);
        let named = Checksum::of_fields(fields).filter(|_| !is_encoded);
        if let Some(checksum) = self.checksum.clone().or(named) {
            record.verified = Some(checksum.verify(path)?);
        }
        Ok(())
    }

    /// The date for -R.
    fn modified(&self, fields: &HeaderMap) -> Option<SystemTime> {
        let value = fields.get(header::LAST_MODIFIED)?;
        let date = HttpDate::parse(value.as_bytes(), HttpDate::MAX)?;
        self.job.args.download.remote_time.then(|| date.into())
    }
}
