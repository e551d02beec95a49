//! `tinyhttp get`: fetch URLs, readable on a terminal, exact in a pipe.

use std::process::ExitCode;

/// Fetch URLs: readable on a terminal, exact in a pipe
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to fetch; without a scheme, http:// is meant
    #[arg(required = true, value_name = "URL")]
    urls: Vec<String>,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let _ = &args.urls;
    ExitCode::SUCCESS
}
