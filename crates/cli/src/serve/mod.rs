//! `tinyhttp serve`: a folder on the web, right now.

use std::path::PathBuf;
use std::process::ExitCode;

/// Serve a folder, right now
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder to serve
    #[arg(default_value = ".", value_name = "DIR", env = "TINYHTTP_DIR")]
    dir: PathBuf,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let _ = &args.dir;
    ExitCode::SUCCESS
}
