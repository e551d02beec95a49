//! The flags that carry data, in the order in which they were given: `-d a=1 --data-urlencode b=2`
//! is `a=1&b=2`.

use super::form::in_order;
use clap::error::Error;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, value_parser};
use std::ffi::OsString;

/// One piece of data, as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::get) enum Given {
    /// `-d`: text, or `@FILE` without its line ends.
    Text(OsString),
    /// `--data-raw`: text, `@` and all.
    Raw(OsString),
    /// `--data-binary`: text, or `@FILE` as it is.
    Binary(OsString),
    /// `--data-urlencode`: `content`, `=content`, `name=content`, `@file` or `name@file`,
    /// percent-encoded.
    Urlencode(OsString),
    /// `--json`: text, or `@FILE` as it is; sent as JSON.
    Json(OsString),
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(in crate::get) struct DataArgs(pub(in crate::get) Vec<Given>);

type Flag = (
    &'static str,
    Option<char>,
    &'static str,
    fn(OsString) -> Given,
);

const FLAGS: [Flag; 5] = [
    (
        "data",
        Some('d'),
        "Send DATA with POST, as a form; @FILE reads it from FILE, @- from standard input, without line ends",
        Given::Text,
    ),
    (
        "data-raw",
        None,
        "Send DATA with POST; @ has no special meaning",
        Given::Raw,
    ),
    (
        "data-binary",
        None,
        "Send DATA with POST; @FILE and @- keep line ends",
        Given::Binary,
    ),
    (
        "data-urlencode",
        None,
        "Send DATA with POST, percent-encoded: CONTENT, NAME=CONTENT, @FILE or NAME@FILE",
        Given::Urlencode,
    ),
    (
        "json",
        None,
        "Send DATA as JSON with POST, and accept JSON; @FILE reads it from FILE, @- from standard input",
        Given::Json,
    ),
];

impl clap::Args for DataArgs {
    fn augment_args(command: Command) -> Command {
        FLAGS
            .iter()
            .fold(command, |command, (name, short, help, _)| {
                let mut arg = Arg::new(*name)
                    .long(*name)
                    .value_name("DATA")
                    .help(*help)
                    .value_parser(value_parser!(OsString))
                    .action(ArgAction::Append)
                    .allow_hyphen_values(true);
                if *name == "data" {
                    arg = arg.alias("data-ascii");
                }
                if let Some(short) = short {
                    arg = arg.short(*short);
                }
                command.arg(arg)
            })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for DataArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let flags = FLAGS.map(|(name, _, _, make)| (name, make));
        Ok(DataArgs(in_order(matches, &flags)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Args;

    #[test]
    fn the_order_is_kept() {
        let matches = DataArgs::augment_args(Command::new("x")).get_matches_from([
            "x",
            "--json",
            "1",
            "-d",
            "2",
            "--data-raw",
            "-3",
            "-d4",
            "--data-urlencode",
            "5",
        ]);
        let DataArgs(given) = DataArgs::from_arg_matches(&matches).unwrap();
        assert_eq!(
            given,
            [
                Given::Json("1".into()),
                Given::Text("2".into()),
                Given::Raw("-3".into()),
                Given::Text("4".into()),
                Given::Urlencode("5".into()),
            ]
        );
    }
}
