//! The flags: curl's letters and meanings, and HTTPie's items.
//!
//! | module | holds |
//! |---|---|
//! | `targets` | the URLs, and what applies to each |
//! | `globs` | several URLs in one: `[1-9]`, `{a,b}` |
//! | `request` | flags that determine the request |
//! | `data` | flags that carry data, in their order |
//! | `form` | flags that carry the parts of a form, in their order |
//! | `items` | HTTPie's items behind the URL |
//! | `nested` | HTTPie's nested JSON |
//! | `connection` | flags that determine how the server is reached |
//! | `schemes` | `--proto` |
//! | `download` | flags for downloads |
//! | `output` | flags that select what is shown |
//! | `bytes` | arguments that need not be UTF-8 |

mod targets;
mod globs;
mod request;
mod data;
mod form;
mod items;
mod nested;
mod connection;
mod schemes;
mod download;
mod output;
pub(super) mod bytes;

pub(crate) use connection::ConnectionArgs;
#[cfg(feature = "tls")]
pub(super) use connection::{TlsArgs, TlsVersion};
pub(super) use data::Given;
pub(super) use download::DownloadArgs;
pub(super) use form::FormPart;
pub(super) use output::{Colour, OutputArgs};
pub(super) use request::RequestArgs;
use targets::Source;
pub(super) use targets::{Target, Targets};

use crate::failure::Failure;
use std::ffi::OsString;

/// Fetch URLs: readable on a terminal, exact in a pipe
///
/// On a terminal, shows the response's head and content, in colour and with JSON indented. A pipe
/// or a file gets the content, byte for byte.
#[derive(clap::Args, Debug)]
#[command(
    after_help = EXAMPLES,
    after_long_help = AFTERWARDS,
    override_usage = "tinyhttp get [OPTIONS] [METHOD] URL... [ITEM]...",
    args_override_self = true,
    disable_help_flag = true,
    disable_version_flag = true,
    mut_args(|arg| arg.hide_short_help(true))
)]
pub(crate) struct Args {
    /// The URL to fetch; http:// may be left out, and :8080/path is on this machine. As in HTTPie,
    /// a method may stand before the URL, such as PUT, and items behind it: Name:value is a field,
    /// name=text and name:=json make a JSON object, name==text is a parameter of the query,
    /// name@FILE a file in a form; [key], [0] and [] in names nest JSON
    #[arg(required_unless_present = "url", value_name = "URL")]
    pub(super) urls: Vec<OsString>,
    /// Fetch URL, or the URLs in @FILE, one on each line, as with -O; @- is standard input; may be
    /// repeated
    #[arg(long, value_name = "URL|@FILE")]
    pub(super) url: Vec<OsString>,

    /// Don't expand URLs. By default [1-9], [01-10:2], [a-z] and {a,b} stand for several URLs, #1,
    /// #2, … in FILE of -o stand for their values, and \[ is a bracket
    #[arg(short, long)]
    globoff: bool,

    /// Print help: examples with -h, every flag with --help
    #[arg(short, long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// Print the version
    #[arg(short = 'V', long, action = clap::ArgAction::Version)]
    version: Option<bool>,

    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) request: RequestArgs,
    #[command(flatten)]
    pub(super) download: DownloadArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    #[command(flatten)]
    compat: CompatFlags,
    /// The URLs in `urls`, `url` and the files that `url` names.
    #[arg(skip)]
    sources: Vec<Source>,
}

impl Args {
    /// Reads the words that are not flags, and the files that name URLs.
    pub(super) fn read(&mut self) -> Result<(), Failure> {
        self.read_items()?;
        self.sources = targets::sources(&self.urls, &self.url)?;
        targets::check(self.sources.len(), self.request.upload_file.len())
    }

    /// Whether there are files with URLs.
    pub(super) fn lists_urls(&self) -> bool {
        self.sources.iter().any(Source::is_listed)
    }

    /// Every URL; those of `--url` come last.
    pub(super) fn targets(&self) -> Targets<'_> {
        Targets::new(&self.sources, &self.request.upload_file, !self.globoff)
    }
}

/// Flags of curl for what `get` always does, so that familiar command lines work.
#[derive(clap::Args, Debug)]
struct CompatFlags {
    /// Write content as it arrives
    #[arg(short = 'N', long, hide = true)]
    no_buffer: bool,
    /// Read no configuration file
    #[arg(short = 'q', long, hide = true)]
    disable: bool,
    /// Use Basic authentication
    #[arg(long, hide = true)]
    basic: bool,
    /// Retry after a refused connection
    #[arg(long, hide = true)]
    retry_connrefused: bool,
    /// Send small segments at once
    #[arg(long, hide = true)]
    tcp_nodelay: bool,
    /// Use TLS 1.2 or later
    #[arg(short = '1', long = "tlsv1", visible_aliases = ["tlsv1.0", "tlsv1.1"], hide = true)]
    tlsv1: bool,
}

/// What `-h` shows: it fits on a screen of 24 lines and 80 columns.
const EXAMPLES: &str = "\
Examples:
  tinyhttp get example.org                    show a page
  tinyhttp get -I example.org                 show only the head
  tinyhttp get -O example.org/big.iso         download; run it again to resume
  tinyhttp get -L -o f example.org/old        follow redirects, write to a file
  tinyhttp get POST :8080/users name=Ada      send JSON to this machine
  tinyhttp get -d 'a=1&b=2' example.org       send a form with POST
  tinyhttp get -F photo=@cat.jpg example.org  upload a file in a form
  tinyhttp get -T notes.txt example.org/dir/  upload a file with PUT
  tinyhttp get -u ada example.org             log in; asks for the password
  tinyhttp get --explain example.org          explain each step

Often used:
  -i  show the head too    -H 'Name: value'  send a field    -s  be silent
  -v  show each step       -X METHOD  set the method         -f  fail if >= 400
  -x URL  use a proxy      -m SECONDS  set a time limit      -Z  in parallel
  --retry N  try again     -k  accept any certificate        -4, -6  IP version

All flags and the exit codes: tinyhttp get --help";

const AFTERWARDS: &str = "\
Other users of this machine can see command lines, so keep secrets out of them: give -u only a user, and the \
password is asked for, or put it into ~/.netrc (-n) or the variable TINYHTTP_USER; put a token into the variable \
TINYHTTP_BEARER or a file (--bearer @FILE).

Exit codes (those of curl, and 110):
   0  success                             45  interface or local address not available
   1  scheme not supported                47  more redirects than --max-redirs allows
   2  wrong command line                  49  --resolve or --connect-to malformed
   3  not a URL                           52  no response from the server
   5  address of the proxy not found      55  sending failed
   6  address of the host not found       56  receiving failed
   7  connection failed                   58  client certificate or its key not usable
   8  response is not HTTP                60  certificate of the server not trusted
  18  content incomplete                  61  content can't be decoded
  22  status 400 or more, with -f         63  content larger than --max-filesize
  23  output can't be written             65  content can't be sent a second time
  26  a file can't be read                77  CA certificates can't be read
  28  timeout                             90  public key not in --pinnedpubkey
  33  server does not support ranges      97  proxy made no connection
  35  TLS handshake failed               100  head of the response too large
  36  no resuming from that byte         110  checksum does not match
  43  glob or encoder not known";
