//! The flags: curl's letters and meanings, HTTPie's manners.

pub(super) mod bytes;
mod connection;
mod data;
mod download;
mod form;
mod globs;
mod items;
mod nested;
mod output;
mod request;
mod schemes;
mod targets;

pub(crate) use connection::ConnectionArgs;
#[cfg(feature = "tls")]
pub(super) use connection::{TlsArgs, TlsVersion};
pub(super) use data::Given;
pub(super) use download::DownloadArgs;
pub(super) use form::FormPart;
pub(super) use output::{Colour, OutputArgs};
pub(super) use request::RequestArgs;
pub(super) use targets::{Target, Targets};

use std::ffi::OsString;

/// Fetch URLs: readable on a terminal, exact in a pipe
///
/// On a terminal the status line, the fields and the content are shown, coloured, JSON indented. In
/// a pipe or a file there is the content, byte for byte.
#[derive(clap::Args, Debug)]
#[command(after_long_help = AFTERWARDS, args_override_self = true)]
pub(crate) struct Args {
    /// What to fetch. Without a scheme http:// is meant, and :8080/path is this machine. As in
    /// HTTPie the method may stand before it (PUT), and items behind it: Name:value, name=text,
    /// name:=json, name==parameter, name@FILE; in names, [key], [0] and [] nest JSON
    #[arg(required_unless_present = "url", value_name = "URL")]
    pub(super) urls: Vec<OsString>,
    /// The same, as a flag
    #[arg(long, value_name = "URL")]
    pub(super) url: Vec<OsString>,

    /// Take [] and {} in URLs as they are. Otherwise [1-9], [01-10:2], [a-z] and {a,b} stand for
    /// several URLs, -o FILE may name their values with #1, #2, …, and \[ is a bracket
    #[arg(short, long)]
    globoff: bool,

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
}

impl Args {
    /// Every URL; those of `--url` come last.
    pub(super) fn targets(&self) -> Targets<'_> {
        Targets::new(self.urls.iter().chain(&self.url).collect(), !self.globoff)
    }
}

/// Flags of curl that ask for what is done anyway: the lines that people have by heart work.
#[derive(clap::Args, Debug)]
struct CompatFlags {
    /// Content is written as it comes
    #[arg(short = 'N', long, hide = true)]
    no_buffer: bool,
    /// There is no configuration file
    #[arg(short = 'q', long, hide = true)]
    disable: bool,
    /// Basic is what -u means
    #[arg(long, hide = true)]
    basic: bool,
    /// A refused connection is retried anyway
    #[arg(long, hide = true)]
    retry_connrefused: bool,
    /// Nothing is held back
    #[arg(long, hide = true)]
    tcp_nodelay: bool,
    /// No version of TLS below 1.2 is spoken
    #[arg(short = '1', long = "tlsv1", visible_aliases = ["tlsv1.0", "tlsv1.1"], hide = true)]
    tlsv1: bool,
}

const AFTERWARDS: &str = "\
Secrets don't belong on a command line, where other users see them: give -u a user only, and you are asked for the
password; put it into ~/.netrc (-n) or TINYHTTP_USER; put a token into TINYHTTP_BEARER or a file (--bearer @FILE).

Exit codes (curl's, but for the last):
   0  all is well                          45  no such interface or local address
   1  the scheme is not supported          47  too many redirects
   2  the command line makes no sense      52  the server said nothing
   3  that is not a URL                    55  could not send
   5  could not find the proxy's address   56  could not receive
   6  could not find the host's address    58  trouble with this client's certificate
   7  could not connect                    60  the server's certificate is not to be trusted
   8  the answer is not HTTP               61  the content can't be decoded
  18  the content is incomplete            63  the content is too large
  22  the status is 400 or more (-f)       65  could not send the content again
  23  could not write the output           77  could not read the certificates to trust
  26  could not read what was to be sent   90  the server's key is not the one that was named
  28  a timeout ran out                    97  the proxy made no connection
  33  the server does not do ranges       100  the head is too large
  35  could not agree on TLS              110  the checksum is wrong
  36  can't resume there";
