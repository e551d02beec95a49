//! The flags: curl's letters and meanings, HTTPie's manners.

mod connection;
mod data;
mod download;
mod items;
mod output;
mod request;
mod schemes;

pub(crate) use connection::ConnectionArgs;
#[cfg(feature = "tls")]
pub(super) use connection::{TlsArgs, TlsVersion};
pub(super) use data::{DataArgs, Given};
pub(super) use download::DownloadArgs;
pub(super) use output::{Colour, OutputArgs};
pub(super) use request::RequestArgs;
pub(super) use schemes::Schemes;

/// Fetch URLs: readable on a terminal, exact in a pipe
///
/// On a terminal the status line, the fields and the content are shown, coloured, JSON indented. In a pipe or a file there
/// is the content, byte for byte.
#[derive(clap::Args, Debug)]
#[command(after_long_help = AFTERWARDS, args_override_self = true)]
pub(crate) struct Args {
    /// What to fetch. Without a scheme http:// is meant, and :8080/path is this machine. As in HTTPie the method may stand
    /// before it (PUT), and items behind it: Name:value, name=text, name:=json, name==parameter, name@FILE
    #[arg(required_unless_present = "url", value_name = "URL")]
    pub(super) urls: Vec<String>,
    /// The same, as a flag
    #[arg(long, value_name = "URL")]
    pub(super) url: Vec<String>,

    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) request: RequestArgs,
    #[command(flatten)]
    pub(super) download: DownloadArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    #[command(flatten)]
    habits: Habits,
}

impl Args {
    /// Every URL, in no order but that those of `--url` come last.
    pub(super) fn urls(&self) -> impl ExactSizeIterator<Item = &String> {
        let all: Vec<_> = self.urls.iter().chain(&self.url).collect();
        all.into_iter()
    }
}

/// Flags of curl that ask for what is done anyway: the lines that people have by heart work.
#[derive(clap::Args, Debug)]
struct Habits {
    /// URLs aren't searched for [1-3] and {a,b}
    #[arg(short = 'g', long, hide = true)]
    globoff: bool,
    /// Content is written as it comes
    #[arg(short = 'N', long, hide = true)]
    no_buffer: bool,
    /// There is no configuration file
    #[arg(short = 'q', long, hide = true)]
    disable: bool,
    /// Basic is what -u means
    #[arg(long, hide = true)]
    basic: bool,
    /// Who isn't there yet may be there a little later
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
