//! Flags that clap builds only for the command that is used.
//!
//! There are more than 150 flags, and building them is most of the time of a small fetch. For the
//! same reason, each flag of `get` hides its environment variable itself: doing that for all at
//! once, as `serve` does, moves all of them.

use clap::{ArgMatches, Args, Command, Error, FromArgMatches};

/// The flags of one command.
pub(crate) struct Flags<T>(pub(crate) Box<T>);

impl<T: Args> Args for Flags<T> {
    fn augment_args(command: Command) -> Command {
        command.defer(T::augment_args)
    }

    fn augment_args_for_update(command: Command) -> Command {
        command.defer(T::augment_args_for_update)
    }
}

impl<T: FromArgMatches> FromArgMatches for Flags<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches(matches).map(|args| Flags(Box::new(args)))
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches_mut(matches).map(|args| Flags(Box::new(args)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.update_from_arg_matches(matches)
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    #[test]
    fn flags_are_there_and_show_no_variables() {
        let mut command = crate::Args::command();
        let flags = |command: &Command| command.get_arguments().count();
        let names = ["serve", "get", "resolve"];
        for name in names {
            assert_eq!(flags(command.find_subcommand(name).unwrap()), 0, "{name}");
        }
        command.build();
        for name in names {
            let command = command.find_subcommand(name).unwrap();
            let shown = |arg: &&clap::Arg| arg.get_env().is_some() && !arg.is_hide_env_set();
            assert!(flags(command) > 10, "{command}");
            assert_eq!(command.get_arguments().find(shown), None, "{command}");
        }
    }

    /// The variable of --log-format is TINYHTTP_LOG_FORMAT. That of --auth is read apart: it takes
    /// a plain password.
    #[test]
    fn every_flag_of_serve_has_the_variable_that_help_promises() {
        let mut command = crate::Args::command();
        command.build();
        let serve = command.find_subcommand("serve").unwrap();
        let mut found = 0;
        for arg in serve.get_arguments() {
            let name = arg.get_id().as_str();
            let variable = format!("TINYHTTP_{}", name.to_uppercase());
            match name {
                "help" | "version" | "auth" => assert_eq!(arg.get_env(), None, "{name}"),
                _ => {
                    let set = arg.get_env().and_then(|name| name.to_str());
                    assert_eq!(set, Some(&*variable), "{name}");
                    let long = arg.get_long().map(|long| long.replace('-', "_"));
                    assert!(
                        arg.is_positional() || long.as_deref() == Some(name),
                        "{name}"
                    );
                    found += 1;
                }
            }
        }
        assert!(found > 30, "{found}");
    }
}
