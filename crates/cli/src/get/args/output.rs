//! Flags that select what is shown, and where.

use std::ffi::OsString;
use std::path::PathBuf;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Output")]
pub(in crate::get) struct OutputArgs {
    /// Show the head of every response before its content: interim responses and redirects too
    #[arg(short, long)]
    pub(in crate::get) include: bool,
    /// Request the head only, with HEAD, and show it
    #[arg(short = 'I', long)]
    pub(in crate::get) head: bool,
    /// Write the head of every response to FILE: interim responses, redirects and retries too; - is
    /// standard output, % standard error
    #[arg(short = 'D', long, value_name = "FILE")]
    pub(in crate::get) dump_header: Option<PathBuf>,
    /// Show each step of the fetch, with its time, on standard error
    #[arg(short, long)]
    pub(in crate::get) verbose: bool,
    /// Explain the fetch on standard output: each step, both messages and the meaning of their
    /// fields
    #[arg(long)]
    pub(in crate::get) explain: bool,
    /// Show the request, but don't send it
    #[arg(long)]
    pub(in crate::get) dry_run: bool,
    /// Show neither progress nor errors
    #[arg(short, long)]
    pub(in crate::get) silent: bool,
    /// With -s, still show errors
    #[arg(short = 'S', long)]
    pub(in crate::get) show_error: bool,
    /// Exit with code 22 and show no content if the status is 400 or more
    #[arg(short, long)]
    pub(in crate::get) fail: bool,
    /// Exit with code 22, after showing the content, if the status is 400 or more
    #[arg(long, conflicts_with = "fail")]
    pub(in crate::get) fail_with_body: bool,
    /// Print FORMAT at the end, a text with curl's variables such as %{http_code} and
    /// %header{NAME}; @FILE reads it from FILE
    #[arg(short, long, value_name = "FORMAT")]
    pub(in crate::get) write_out: Option<OsString>,
    /// Print a JSON object about the fetch instead of the content
    #[arg(long)]
    pub(in crate::get) json_out: bool,
    /// Write as on a terminal, even into a pipe: with the head, colours and indented JSON
    #[arg(long)]
    pub(in crate::get) pretty: bool,
    /// When to use colours
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        env = "TINYHTTP_COLOR",
        hide_env = true
    )]
    pub(in crate::get) color: Colour,
}

/// When to use colours.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::get) enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}
