//! One URL: the request, the response, and its content to where it belongs.

use super::args::{Args, Target};
use super::download::resumable::download;
use super::failure::write_failure;
use super::fetch::Fetch;
use super::gopher;
use super::output::destination::Destination;
use super::output::entity_tag;
use super::output::heads::HeadDump;
use super::output::progress::{Bar, Progress};
use super::output::terminal::Console;
use super::pump::Pump;
use super::report::explain::explain;
use super::report::facts::{Facts, Summary};
use super::report::verbose::Narrator;
use super::report::write_out::write_out;
use super::report::{dry_run, json_out};
use super::request::address::{self, Address};
use super::request::spec::RequestSpec;
use super::show::show;
use crate::failure::Failure;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use tinyhttp_client::trace::Trace;
use tinyhttp_client::{Client, hide_passwords};
use url::Url;

/// What all fetches of a run share.
pub(super) struct Run<'r> {
    pub(super) args: &'r Args,
    pub(super) client: &'r Client,
    pub(super) console: Console,
    pub(super) progress: &'r Progress,
    pub(super) heads: Option<&'r HeadDump>,
    /// How many fetches have come to their end.
    pub(super) fetches: AtomicUsize,
}

/// What is known about the fetch of one URL, as far as it came.
#[derive(Default)]
struct Outcome {
    url: Option<Url>,
    zone: Option<String>,
    spec: Option<RequestSpec>,
    trace: Trace,
    summary: Summary,
}

impl Run<'_> {
    /// Fetches the URL and shows the response, or writes it to a file.
    pub(super) fn transfer(&self, target: &Target) -> Result<(), Failure> {
        let mut outcome = Outcome::default();
        let result = self.fetch(target, &mut outcome);
        self.account(target, &outcome, &result)?;
        result
    }

    fn fetch(&self, target: &Target, outcome: &mut Outcome) -> Result<(), Failure> {
        let args = self.args;
        let original = target.url.as_str();
        let Address { url, zone } = address::parse(original)?;
        outcome.url = Some(url.clone());
        outcome.zone.clone_from(&zone);
        let schemes = args.request.proto.as_ref();
        if schemes.is_some_and(|schemes| !schemes.has(url.scheme())) {
            let what = format!("--proto doesn't let {} be used", url.scheme());
            return Err(Failure::with_code(1, what));
        }
        if gopher::is_gopher(&url) {
            return self.gopher(target, &url, zone.as_deref(), &mut outcome.summary);
        }
        let spec = RequestSpec::new(args, &url, target)?.in_zone(zone);
        outcome.spec = Some(spec.clone());
        let destination = Destination::choose(args, &spec.url, target)?;
        let bar = self.bar(&destination, &spec, original);
        if args.output.dry_run {
            return dry_run::show(&spec, self.client, self.console, &bar);
        }
        entity_tag::check(args)?;
        let fetch = Fetch::new(args, self.client, self.console, spec, bar, self.heads);
        let summary = &mut outcome.summary;
        let is_download = matches!(
            destination,
            Destination::File { .. } | Destination::Named(_)
        );
        let has_head = args.output.include || args.output.head;
        let result = if is_download && !has_head {
            download(&fetch, &destination, summary)
        } else {
            show(&fetch, &destination, summary)
        };
        fetch.bar.finish();
        if result.is_ok() {
            let to = match &summary.file {
                Some(path) => path.display().to_string(),
                None => "standard output".to_owned(),
            };
            fetch.tell_written(summary.written, &to);
        }
        summary.connect_status = fetch.connect_status();
        outcome.trace = fetch.trace();
        result
    }

    fn bar(&self, destination: &Destination, spec: &RequestSpec, original: &str) -> Bar {
        match destination {
            Destination::File { path, .. } | Destination::Named(path) => {
                self.progress.bar(&name_of(path))
            }
            // An upload takes its time before there is anything to show.
            Destination::Special(_) | Destination::Stdout
                if self.args.download.progress_bar || spec.is_upload() =>
            {
                self.progress.bar(&hide_passwords(original))
            }
            Destination::Special(_) | Destination::Stdout => Bar::hidden(),
        }
    }

    /// Fetches over another protocol, which has neither fields nor status codes.
    fn gopher(
        &self,
        target: &Target,
        url: &Url,
        zone: Option<&str>,
        summary: &mut Summary,
    ) -> Result<(), Failure> {
        if self.args.download.checksum.is_some() {
            let what = "--checksum is for http:// and https:// only";
            return Err(Failure::with_code(2, what));
        }
        let destination = Destination::choose(self.args, url, target)?;
        let narrator = self
            .args
            .output
            .verbose
            .then(|| Narrator::new(self.console));
        let pump = Pump::new(&self.args.download, Bar::hidden());
        gopher::fetch(
            self.client,
            (url, zone),
            &destination,
            &pump,
            self.console,
            narrator,
            summary,
        )
    }

    /// Reports the fetch as a whole.
    fn account(
        &self,
        target: &Target,
        outcome: &Outcome,
        result: &Result<(), Failure>,
    ) -> Result<(), Failure> {
        let fetch = self.fetches.fetch_add(1, Ordering::Relaxed);
        let output = &self.args.output;
        if output.dry_run || !(output.explain || output.json_out || output.write_out.is_some()) {
            return Ok(());
        }
        let unsupported = address::of_any_scheme(&target.url);
        let facts = Facts {
            given: &address::shown(&target.url),
            url: outcome.url.as_ref().or(unsupported.as_ref()),
            zone: outcome.zone.as_deref(),
            spec: outcome.spec.as_ref(),
            colour: self.console.stdout_colour,
            summary: &outcome.summary,
            trace: &outcome.trace,
            failure: result.as_ref().err(),
            number: target.number,
            fetch,
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
