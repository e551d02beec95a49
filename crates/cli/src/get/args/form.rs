//! The flags that carry the parts of a form, in the order in which they were given.

use clap::error::Error;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, value_parser};
use std::ffi::OsString;
use std::path::PathBuf;

/// One part of a form, as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::get) enum FormPart {
    /// `-F`: text in curl's grammar.
    Grammar(OsString),
    /// `--form-string`: `NAME=VALUE`, in which no other character means anything.
    Literal(OsString),
    /// An item `name=value`.
    Value { name: Vec<u8>, value: Vec<u8> },
    /// An item `name@FILE`. The path is taken as it is, whatever characters it has.
    File {
        name: Vec<u8>,
        path: PathBuf,
        media_type: Option<Vec<u8>>,
    },
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(in crate::get) struct FormArgs(pub(in crate::get) Vec<FormPart>);

type Flag = (&'static str, &'static str, Make<FormPart>);

const FLAGS: [Flag; 2] = [
    ("form", "PART", FormPart::Grammar),
    ("form-string", "NAME=VALUE", FormPart::Literal),
];
const FORM_HELP: &str = "Send a part of a multipart form: NAME=VALUE, NAME=@FILE or NAME=<FILE, with ;type=TYPE, \
    ;filename=NAME, ;encoder=CODING and ;headers=FIELD; '=(' and '=)' enclose parts within a part";
const FORM_STRING_HELP: &str =
    "Send NAME=VALUE as a part of a multipart form; @, < and ; have no special meaning";
/// Flags that give the content in another way.
const OTHERS: [&str; 5] = ["data", "data-raw", "data-binary", "data-urlencode", "json"];

impl clap::Args for FormArgs {
    fn augment_args(command: Command) -> Command {
        FLAGS
            .iter()
            .fold(command, |command, (name, value_name, _)| {
                let mut arg = Arg::new(*name)
                    .long(*name)
                    .value_name(*value_name)
                    .help(FORM_STRING_HELP)
                    .value_parser(value_parser!(OsString))
                    .action(ArgAction::Append)
                    .conflicts_with_all(OTHERS);
                if *name == "form" {
                    arg = arg.short('F').help(FORM_HELP);
                }
                command.arg(arg)
            })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for FormArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let flags = FLAGS.map(|(name, _, make)| (name, make));
        Ok(FormArgs(in_order(matches, &flags)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// How a flag's value is kept.
type Make<T> = fn(OsString) -> T;

/// The values of several flags, in the order in which they were given.
pub(super) fn in_order<T>(matches: &ArgMatches, flags: &[(&'static str, Make<T>)]) -> Vec<T> {
    let mut found = Vec::new();
    for (name, make) in flags {
        let places = matches.indices_of(name).into_iter().flatten();
        let values = matches.get_many::<OsString>(name).into_iter().flatten();
        let values = places.zip(values);
        found.extend(values.map(|(place, value)| (place, make(value.clone()))));
    }
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, value)| value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::get::args::data::DataArgs;
    use clap::Args;

    #[test]
    fn the_order_is_kept() {
        let line = ["x", "-F", "a=1", "--form-string", "b=2", "--form", "c=3"];
        let command = DataArgs::augment_args(FormArgs::augment_args(Command::new("x")));
        let matches = command.get_matches_from(line);
        let FormArgs(parts) = FormArgs::from_arg_matches(&matches).unwrap();
        assert_eq!(
            parts,
            [
                FormPart::Grammar("a=1".into()),
                FormPart::Literal("b=2".into()),
                FormPart::Grammar("c=3".into()),
            ]
        );
    }
}
