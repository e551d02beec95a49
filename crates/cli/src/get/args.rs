//! The flags: curl's letters and meanings.

use std::path::PathBuf;

/// Fetch URLs: readable on a terminal, exact in a pipe
#[derive(clap::Args)]
#[command(after_long_help = EXIT_CODES)]
pub(crate) struct Args {
    /// What to fetch; without a scheme, http:// is meant
    #[arg(required = true, value_name = "URL")]
    pub(super) urls: Vec<String>,

    /// Show the response's head before its content
    #[arg(short = 'i', long)]
    pub(super) include: bool,
    /// Ask for the head only (HEAD), and show it
    #[arg(short = 'I', long)]
    pub(super) head: bool,
    /// Write the content to FILE; once for each URL
    #[arg(short = 'o', long, value_name = "FILE", conflicts_with = "remote_name")]
    pub(super) output: Vec<PathBuf>,
    /// Write the content to a file named as in the URL
    #[arg(short = 'O', long)]
    pub(super) remote_name: bool,
    /// Let -O overwrite a file that is there
    #[arg(long)]
    pub(super) clobber: bool,
    /// Show each of the seven steps, with its time, on stderr
    #[arg(short = 'v', long)]
    pub(super) verbose: bool,
    /// Show no progress and no errors
    #[arg(short = 's', long)]
    pub(super) silent: bool,
    /// With -s, show errors all the same
    #[arg(short = 'S', long)]
    pub(super) show_error: bool,
    /// Fail with exit code 22, and show nothing, if the status code is 400 or more
    #[arg(short = 'f', long)]
    pub(super) fail: bool,

    /// Use that method
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub(super) request: Option<String>,
    /// Send that field: 'Name: value'; 'Name:' takes out one sent by default, 'Name;' sends it empty
    #[arg(short = 'H', long, value_name = "FIELD")]
    pub(super) header: Vec<String>,
    /// Send that content, with POST; @FILE reads it from there, @- from stdin
    #[arg(short = 'd', long, value_name = "DATA", allow_hyphen_values = true)]
    pub(super) data: Vec<String>,

    /// Follow redirects
    #[arg(short = 'L', long)]
    pub(super) location: bool,
    /// Follow at most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(super) max_redirs: u32,

    /// Take at most so long for everything
    #[arg(short = 'm', long, value_name = "SECONDS", env = "TINYHTTP_MAX_TIME")]
    pub(super) max_time: Option<f64>,
    /// Take at most so long to connect
    #[arg(long, value_name = "SECONDS", env = "TINYHTTP_CONNECT_TIMEOUT")]
    pub(super) connect_timeout: Option<f64>,
    /// Use IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub(super) ipv4: bool,
    /// Use IPv6 only
    #[arg(short = '6', long)]
    pub(super) ipv6: bool,
}

const EXIT_CODES: &str = "\
Exit codes (curl's):
   0  all is well                          28  a timeout ran out
   1  the scheme is not supported          47  too many redirects
   2  the command line makes no sense      52  the server said nothing
   3  that is not a URL                    55  could not send
   6  could not find the host's address    56  could not receive
   7  could not connect                    63  the content is too large
   8  the answer is not HTTP               65  could not send the content again
  18  the content is incomplete           100  the head is too large
  22  the status is 400 or more (-f)
  23  could not write the output
  26  could not read what was to be sent";
