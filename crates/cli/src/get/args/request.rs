//! Flags that determine the request.

use super::data::DataArgs;
use super::form::FormArgs;
use super::schemes::Schemes;
use std::ffi::OsString;
use std::path::PathBuf;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Request")]
pub(in crate::get) struct RequestArgs {
    /// Use METHOD instead of GET, or of POST or PUT for a request with content
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub(in crate::get) request: Option<String>,
    /// Send a header field: 'Name: value'; 'Name:' removes a default field, 'Name;' sends an empty
    /// one; may be repeated
    #[arg(short = 'H', long, value_name = "FIELD")]
    pub(in crate::get) header: Vec<OsString>,
    #[command(flatten)]
    pub(in crate::get) data: DataArgs,
    #[command(flatten)]
    pub(in crate::get) form: FormArgs,
    /// Upload FILE with PUT to the next URL, once for each URL; - is standard input, and {a,b} and
    /// [1-9] stand for several files. A URL that ends with / gets the file's name
    #[arg(short = 'T', long, value_name = "FILE", conflicts_with_all = ["form", "form-string", "data", "data-raw", "data-binary", "data-urlencode", "json"])]
    pub(in crate::get) upload_file: Vec<OsString>,
    /// Append the data of -d to the URL's query and use GET
    #[arg(short = 'G', long, conflicts_with_all = ["form", "form-string", "upload_file"])]
    pub(in crate::get) get: bool,
    /// Log in with Basic authentication; without :PASSWORD, ask for the password
    #[arg(
        short,
        long,
        value_name = "USER[:PASSWORD]",
        env = "TINYHTTP_USER",
        hide_env = true
    )]
    pub(in crate::get) user: Option<OsString>,
    /// Log in with a Bearer token; @FILE reads it from FILE
    #[arg(
        long,
        alias = "oauth2-bearer",
        value_name = "TOKEN",
        env = "TINYHTTP_BEARER",
        hide_env = true,
        conflicts_with = "user"
    )]
    pub(in crate::get) bearer: Option<OsString>,
    /// Read user and password of each host from ~/.netrc, those of hosts that redirects lead to
    /// included; -u and --bearer take precedence
    #[arg(short, long, alias = "netrc-optional")]
    pub(in crate::get) netrc: bool,
    /// Read user and password from FILE, in the format of .netrc
    #[arg(long, value_name = "FILE", env = "NETRC", hide_env = true)]
    pub(in crate::get) netrc_file: Option<PathBuf>,
    /// Send NAME in the User-Agent field; an empty NAME removes the field
    #[arg(
        short = 'A',
        long,
        value_name = "NAME",
        env = "TINYHTTP_USER_AGENT",
        hide_env = true
    )]
    pub(in crate::get) user_agent: Option<OsString>,
    /// Send URL in the Referer field; with ;auto, redirects send the URL that led there
    #[arg(short = 'e', long, value_name = "URL")]
    pub(in crate::get) referer: Option<OsString>,
    /// Send cookies: 'NAME=VALUE; …', or those of FILE, in Netscape's format or as Set-Cookie
    /// lines; - is standard input; may be repeated
    #[cfg(feature = "cookies")]
    #[arg(short = 'b', long, value_name = "DATA|FILE")]
    pub(in crate::get) cookie: Vec<OsString>,
    /// Store received cookies and write all cookies to FILE at the end; - is standard output
    #[cfg(feature = "cookies")]
    #[arg(short = 'c', long, value_name = "FILE")]
    pub(in crate::get) cookie_jar: Option<PathBuf>,
    /// Ignore the session cookies in the file of -b
    #[cfg(feature = "cookies")]
    #[arg(short = 'j', long)]
    pub(in crate::get) junk_session_cookies: bool,
    /// Request compressed content and decompress it; the default for output on a terminal
    #[arg(long, overrides_with = "no_compressed")]
    pub(in crate::get) compressed: bool,
    /// Don't request compressed content, and don't decompress
    #[arg(long)]
    pub(in crate::get) no_compressed: bool,
    /// Request a part of the content: 0-499, 500-, -500, or several. With -T or -d, say which part
    /// is sent
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    pub(in crate::get) range: Option<String>,
    /// Request the content only if it changed after DATE, or after FILE did; with -DATE, only if it
    /// did not
    #[arg(
        short = 'z',
        long,
        value_name = "DATE|FILE",
        allow_hyphen_values = true
    )]
    pub(in crate::get) time_cond: Option<OsString>,
    /// Save the response's ETag to FILE; - is standard output
    #[arg(long, value_name = "FILE")]
    pub(in crate::get) etag_save: Option<PathBuf>,
    /// Request the content only if its ETag is not the one in FILE
    #[arg(long, value_name = "FILE")]
    pub(in crate::get) etag_compare: Option<PathBuf>,
    /// Send TARGET, unchanged, instead of the URL's path and query
    #[arg(long, value_name = "TARGET")]
    pub(in crate::get) request_target: Option<OsString>,
    /// Keep /../ and /./ in the URL's path
    #[arg(long)]
    pub(in crate::get) path_as_is: bool,
    /// Send the request as HTTP/1.0
    #[arg(short = '0', long = "http1.0")]
    pub(in crate::get) http1_0: bool,
    /// Send the request as HTTP/1.1, the default
    #[arg(long = "http1.1", overrides_with = "http1_0")]
    pub(in crate::get) http1_1: bool,
    /// Follow redirects
    #[arg(short = 'L', long)]
    pub(in crate::get) location: bool,
    /// Follow at most N redirects; one more is an error. -1 sets no limit: use -m to end a loop
    #[arg(long, value_name = "N", default_value_t = 50, allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(-1..=u32::MAX.into()))]
    pub(in crate::get) max_redirs: i64,
    /// Allow only these schemes: =https, or -http, or http,https
    #[arg(long, value_name = "LIST", allow_hyphen_values = true, value_parser = Schemes::parse)]
    pub(in crate::get) proto: Option<Schemes>,
    /// Follow redirects only to these schemes [default: those of --proto]
    #[arg(long, value_name = "LIST", allow_hyphen_values = true, value_parser = Schemes::parse)]
    pub(in crate::get) proto_redir: Option<Schemes>,
    /// Follow redirects, and send passwords and cookies to other hosts too
    #[arg(long)]
    pub(in crate::get) location_trusted: bool,
}
