//! One URL: the request, the response, and its content to where it belongs.

use super::args::{Args, Target};
use super::checksum::{Checksum, Running};
use super::download::download;
use super::explain::explain;
use super::failure::write_failure;
use super::heads::HeadDump;
use super::job::{Job, Record};
use super::output::Output;
use super::place::Place;
use super::progress::{Bar, Progress};
use super::pump::Pump;
use super::range::{self, Start};
use super::request::Plan;
use super::terminal::Console;
use super::trouble::{Persistence, Trouble, bad_status};
use super::verbose::Narrator;
use super::write_out::{Facts, write_out};
use super::{address, dry_run, gopher, json_out};
use crate::failure::Failure;
use http::{Method, header};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use tinyhttp_client::retry::{Continuation, continuation};
use tinyhttp_client::{BodyLength, Client, Response};
use url::Url;

/// What all fetches of a run share.
pub(super) struct Run<'r> {
    pub(super) args: &'r Args,
    pub(super) client: &'r Client,
    pub(super) console: Console,
    pub(super) progress: &'r Progress,
    pub(super) heads: Option<&'r HeadDump>,
}

impl Run<'_> {
    /// Fetches the URL and shows the response, or writes it to a file.
    pub(super) fn transfer(&self, target: &Target) -> Result<(), Failure> {
        let args = self.args;
        let original = target.url.as_str();
        let url = address::parse(original)?;
        let schemes = args.request.proto.as_ref();
        if schemes.is_some_and(|schemes| !schemes.has(url.scheme())) {
            let what = format!("--proto doesn't let {} be used", url.scheme());
            return Err(Failure::with_code(1, what));
        }
        if gopher::is_gopher(&url) {
            return self.gopher(target, &url);
        }
        let plan = Plan::new(args, &url, original)?;
        let place = Place::choose(args, &plan.url, target)?;
        let bar = match &place {
            Place::File { path, .. } | Place::Named(path) => self.progress.bar(&name_of(path)),
            Place::Special(_) | Place::Stdout if args.download.progress_bar => {
                self.progress.bar(original)
            }
            // An upload takes its time before there is anything to show.
            Place::Special(_) | Place::Stdout if plan.is_upload() => self.progress.bar(original),
            Place::Special(_) | Place::Stdout => Bar::hidden(),
        };
        let job = Job::new(args, self.client, self.console, plan, bar, self.heads);
        if args.output.dry_run {
            return dry_run::show(&job);
        }
        let mut record = Record::default();
        let is_download = matches!(place, Place::File { .. } | Place::Named(_));
        let has_head = args.output.include || args.output.head;
        let result = if is_download && !has_head {
            download(&job, &place, &mut record)
        } else {
            show(&job, &place, &mut record)
        };
        job.bar.finish();
        if result.is_ok() {
            let to = match &record.file {
                Some(path) => path.display().to_string(),
                None => "standard output".to_owned(),
            };
            job.tell_written(record.written, &to);
        }
        self.account(&job, &record, target.number, &result)?;
        result
    }

    /// The same by another protocol, which has neither fields nor status codes.
    fn gopher(&self, target: &Target, url: &Url) -> Result<(), Failure> {
        if self.args.download.checksum.is_some() {
            let what = "--checksum is for http:// and https:// only";
            return Err(Failure::with_code(2, what));
        }
        let place = Place::choose(self.args, url, target)?;
        let narrator = self
            .args
            .output
            .verbose
            .then(|| Narrator::new(self.console));
        let pump = Pump::new(&self.args.download, Bar::hidden());
        let mut record = Record::default();
        gopher::fetch(
            self.client,
            url,
            &place,
            &pump,
            self.console,
            narrator,
            &mut record,
        )
    }

    /// What is said about the fetch as a whole, on standard output.
    fn account(
        &self,
        job: &Job<'_>,
        record: &Record,
        index: usize,
        result: &Result<(), Failure>,
    ) -> Result<(), Failure> {
        let output = &self.args.output;
        if !(output.explain || output.json_out || output.write_out.is_some()) {
            return Ok(());
        }
        let facts = Facts {
            job,
            record,
            trace: &job.trace(),
            failure: result.as_ref().err(),
            index,
        };
        let failed = |error: io::Error| write_failure("to standard output", &error);
        if output.explain {
            let page = explain(&facts);
            io::stdout().write_all(page.as_bytes()).map_err(failed)?;
        }
        if output.json_out {
            let mut object = json_out::text(&json_out::object(&facts));
            object.push('\n');
            io::stdout().write_all(object.as_bytes()).map_err(failed)?;
        }
        if let Some(format) = &output.write_out {
            write_out(format, &facts).map_err(failed)?;
        }
        Ok(())
    }
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Shows a response as it comes. There is another try as long as nothing has been shown.
fn show(job: &Job<'_>, place: &Place, record: &mut Record) -> Result<(), Failure> {
    let sum = job.args.download.checksum.as_deref();
    let checksum = sum.map(Checksum::parse).transpose()?;
    if checksum.is_some() && job.plan.method == Method::HEAD {
        let what = "--checksum has nothing to verify: the response to HEAD has no content";
        return Err(Failure::with_code(2, what).hint("leave out -I or --checksum"));
    }
    let mut persistence = Persistence::new(job.args);
    loop {
        let trouble = match show_once(job, place, checksum.as_ref(), &persistence, record) {
            Ok(done) => return done,
            Err(trouble) => trouble,
        };
        if record.written > 0 || !job.plan.is_repeatable() {
            return Err(trouble.into_failure());
        }
        persistence
            .again(trouble, false, &job.bar)
            .map_err(Trouble::into_failure)?;
        record.retries += 1;
    }
}

fn show_once(
    job: &Job<'_>,
    place: &Place,
    checksum: Option<&Checksum>,
    persistence: &Persistence,
    record: &mut Record,
) -> Result<Result<(), Failure>, Trouble> {
    let args = job.args;
    let offset = offset(job)?;
    let fields = offset.map(|offset| ("Range", format!("bytes={offset}-")));
    let mut response = job.send(fields.as_slice())?;
    if persistence.has_more()
        && let Some(trouble) = Trouble::of(&response)
    {
        return Err(trouble);
    }
    if !args.download.progress_bar {
        job.bar.finish();
    }
    save_entity_tag(args, &response)?;
    let is_bad = response.status().as_u16() >= 400;
    if args.output.fail && is_bad {
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
    let is_readable = job.console.is_readable && *place == Place::Stdout;
    let mut output = match place {
        // Standard output is for the account.
        Place::Stdout if args.output.explain || args.output.json_out => Output::Nowhere,
        Place::Stdout => Output::stdout(job.console, response.fields())?,
        Place::Special(path) => Output::special(path)?,
        Place::File { .. } | Place::Named(_) => {
            let path = place.path(args, response.fields())?;
            Output::file(&path, &job.plan.url, place.may_replace(args))?
        }
    };
    if args.output.include || args.output.head || is_readable && !args.output.verbose {
        for hop in response.trace().hops {
            output.head(&hop.response)?;
        }
    }
    let pump = job.pump();
    if let BodyLength::Known(length) = response.length() {
        pump.check_length(length)?;
        job.bar
            .expect(Some(length).filter(|_| !response.is_decoded()), 0);
    }
    let mut sum = checksum.map(Checksum::start);
    pump.run(&mut response, u64::MAX, &mut |piece| {
        output.write(piece)?;
        record.written += piece.len() as u64;
        if let Some(sum) = &mut sum {
            sum.update(piece);
        }
        Ok(sum.is_some() || !output.has_seen_enough())
    })?;
    // What is left of it is closed with it, before the last step is told.
    let (status, reason) = (response.status(), response.reason().to_owned());
    drop(response);
    match sum.map(Running::finish).transpose() {
        Ok(verified) => record.verified = verified,
        Err(failure) => {
            output.discard();
            return Ok(Err(failure));
        }
    }
    record.file = output.finish()?;
    if args.output.fail_with_body && is_bad {
        return Ok(Err(bad_status(status, &reason)));
    }
    Ok(Ok(()))
}

/// Where the content starts that -C asks for. Content that is sent has no rest to be asked for.
fn offset(job: &Job<'_>) -> Result<Option<u64>, Failure> {
    Ok(match range::start(job.args)? {
        Some(Start::Byte(offset)) if job.plan.method == Method::GET && job.plan.is_empty() => {
            Some(offset).filter(|offset| *offset > 0)
        }
        _ => None,
    })
}

/// --etag-save; no tag leaves an empty file.
pub(super) fn save_entity_tag(args: &Args, response: &Response) -> Result<(), Failure> {
    let Some(path) = &args.request.etag_save else {
        return Ok(());
    };
    if response.status() == http::StatusCode::NOT_MODIFIED {
        return Ok(());
    }
    let tag = response.field(header::ETAG.as_str()).unwrap_or_default();
    fs::write(path, format!("{tag}\n"))
        .map_err(|error| write_failure(&path.display().to_string(), &error))
}
