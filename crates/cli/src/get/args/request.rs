//! Flags that determine the request.

use super::data::DataArgs;
use super::form::FormArgs;
use super::schemes::Schemes;
use std::ffi::OsString;
use std::path::PathBuf;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "What is asked")]
pub(in crate::get) struct RequestArgs {
    /// Use that method
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub(in crate::get) request: Option<String>,
    /// Send that field: 'Name: value'. 'Name:' takes out one that is sent by default, 'Name;' sends
    /// it empty
    #[arg(short = 'H', long, value_name = "FIELD")]
    pub(in crate::get) header: Vec<OsString>,
    #[command(flatten)]
    pub(in crate::get) data: DataArgs,
    #[command(flatten)]
    pub(in crate::get) form: FormArgs,
    /// Upload that file, by PUT; - is stdin
    #[arg(short = 'T', long, value_name = "FILE", conflicts_with_all = ["form", "form-string", "data", "data-raw", "data-binary", "data-urlencode", "json"])]
    pub(in crate::get) upload_file: Option<PathBuf>,
    /// Put what -d gives into the URL's query, and use GET
    #[arg(short = 'G', long, conflicts_with_all = ["form", "form-string", "upload_file"])]
    pub(in crate::get) get: bool,
    /// Log in as USER:PASSWORD (Basic); without :PASSWORD you are asked for it
    #[arg(
        short,
        long,
        value_name = "USER[:PASSWORD]",
        env = "TINYHTTP_USER",
        hide_env = true
    )]
    pub(in crate::get) user: Option<OsString>,
    /// Log in with that token (Bearer), or the one in a file: @FILE
    #[arg(
        long,
        alias = "oauth2-bearer",
        value_name = "TOKEN",
        env = "TINYHTTP_BEARER",
        hide_env = true,
        conflicts_with = "user"
    )]
    pub(in crate::get) bearer: Option<OsString>,
    /// Look up user and password in ~/.netrc
    #[arg(short, long, alias = "netrc-optional")]
    pub(in crate::get) netrc: bool,
    /// Look them up in that file
    #[arg(long, value_name = "FILE", env = "NETRC", hide_env = true)]
    pub(in crate::get) netrc_file: Option<PathBuf>,
    /// Send that User-Agent
    #[arg(
        short = 'A',
        long,
        value_name = "NAME",
        env = "TINYHTTP_USER_AGENT",
        hide_env = true
    )]
    pub(in crate::get) user_agent: Option<OsString>,
    /// Send that Referer
    #[arg(short = 'e', long, value_name = "URL")]
    pub(in crate::get) referer: Option<OsString>,
    /// Send cookies: 'NAME=VALUE; …', or those of a file in Netscape's format; may be repeated
    #[cfg(feature = "cookies")]
    #[arg(short = 'b', long, value_name = "DATA|FILE")]
    pub(in crate::get) cookie: Vec<OsString>,
    /// Keep the cookies that come, and write all of them to FILE at the end; - is stdout
    #[cfg(feature = "cookies")]
    #[arg(short = 'c', long, value_name = "FILE")]
    pub(in crate::get) cookie_jar: Option<PathBuf>,
    /// Leave out the cookies of -b's file that were for one session
    #[cfg(feature = "cookies")]
    #[arg(short = 'j', long)]
    pub(in crate::get) junk_session_cookies: bool,
    /// Ask for compressed content, and show it decompressed; what happens on a terminal anyway
    #[arg(long, overrides_with = "no_compressed")]
    pub(in crate::get) compressed: bool,
    /// Don't
    #[arg(long)]
    pub(in crate::get) no_compressed: bool,
    /// Ask for a part: 0-499, 500-, -500, or several
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    pub(in crate::get) range: Option<String>,
    /// Only if it changed after that date, or that file's; -DATE: only if it didn't
    #[arg(
        short = 'z',
        long,
        value_name = "DATE|FILE",
        allow_hyphen_values = true
    )]
    pub(in crate::get) time_cond: Option<OsString>,
    /// Write the entity tag that comes to a file
    #[arg(long, value_name = "FILE")]
    pub(in crate::get) etag_save: Option<PathBuf>,
    /// Only if it isn't the version with the entity tag in that file
    #[arg(long, value_name = "FILE")]
    pub(in crate::get) etag_compare: Option<PathBuf>,
    /// Ask for that target instead of the URL's path and query
    #[arg(long, value_name = "TARGET")]
    pub(in crate::get) request_target: Option<OsString>,
    /// Leave /../ and /./ in the URL's path
    #[arg(long)]
    pub(in crate::get) path_as_is: bool,
    /// Speak HTTP/1.0
    #[arg(short = '0', long = "http1.0")]
    pub(in crate::get) http1_0: bool,
    /// Speak HTTP/1.1, as is usual
    #[arg(long = "http1.1", overrides_with = "http1_0")]
    pub(in crate::get) http1_1: bool,
    /// Follow redirects
    #[arg(short = 'L', long)]
    pub(in crate::get) location: bool,
    /// Follow at most so many; -1: any number
    #[arg(long, value_name = "N", default_value_t = 50, allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(-1..=u32::MAX.into()))]
    pub(in crate::get) max_redirs: i64,
    /// Use these schemes only: =https, or -http, or http,https
    #[arg(long, value_name = "LIST", allow_hyphen_values = true, value_parser = Schemes::parse)]
    pub(in crate::get) proto: Option<Schemes>,
    /// Follow redirects to these only; otherwise as --proto
    #[arg(long, value_name = "LIST", allow_hyphen_values = true, value_parser = Schemes::parse)]
    pub(in crate::get) proto_redir: Option<Schemes>,
    /// Follow them, and send passwords and cookies along to other hosts
    #[arg(long)]
    pub(in crate::get) location_trusted: bool,
}
