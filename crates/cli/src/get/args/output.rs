//! Flags that select what is shown, and where.

use std::ffi::OsString;
use std::path::PathBuf;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "What is shown")]
pub(in crate::get) struct OutputArgs {
    /// Show the response's head before its content
    #[arg(short, long)]
    pub(in crate::get) include: bool,
    /// Ask for the head only (HEAD), and show it
    #[arg(short = 'I', long)]
    pub(in crate::get) head: bool,
    /// Write the response's head to a file; - is stdout
    #[arg(short = 'D', long, value_name = "FILE")]
    pub(in crate::get) dump_header: Option<PathBuf>,
    /// Show each of the seven steps, with its time, on stderr
    #[arg(short, long)]
    pub(in crate::get) verbose: bool,
    /// Explain everything: each step, each part of both messages, and what the fields mean
    #[arg(long)]
    pub(in crate::get) explain: bool,
    /// Show the request that would be sent, and send nothing
    #[arg(long)]
    pub(in crate::get) dry_run: bool,
    /// Show no progress and no errors
    #[arg(short, long)]
    pub(in crate::get) silent: bool,
    /// With -s, show errors all the same
    #[arg(short = 'S', long)]
    pub(in crate::get) show_error: bool,
    /// Fail with exit code 22, and show no content, if the status is 400 or more
    #[arg(short, long)]
    pub(in crate::get) fail: bool,
    /// The same, but show the content
    #[arg(long, conflicts_with = "fail")]
    pub(in crate::get) fail_with_body: bool,
    /// Show that at the end: text with %{http_code}, %{time_total} and the like; @FILE takes it
    /// from there
    #[arg(short, long, value_name = "FORMAT")]
    pub(in crate::get) write_out: Option<OsString>,
    /// Show one JSON object about the fetch instead of the content
    #[arg(long)]
    pub(in crate::get) json_out: bool,
    /// Write for people even into a pipe: head, colours, indented JSON
    #[arg(long)]
    pub(in crate::get) pretty: bool,
    /// When to colour
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        env = "TINYHTTP_COLOR",
        hide_env = true
    )]
    pub(in crate::get) color: Colour,
}

/// When to colour.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::get) enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}
