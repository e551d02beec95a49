//! Man pages and shell completions, generated from the help of the flags.

use crate::failure::Failure;
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Print the completions of a shell
///
/// For example: tinyhttp completions bash > ~/.local/share/bash-completion/completions/tinyhttp
#[derive(clap::Args, Debug)]
pub(crate) struct Completions {
    /// Shell that reads the completions
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

/// Print a man page
///
/// For example: tinyhttp man serve | man -l -
#[derive(clap::Args, Debug)]
pub(crate) struct ManPage {
    /// Command to describe: serve, get, resolve, … [default: tinyhttp itself]
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    command: Option<String>,

    /// Write all pages to the directory DIR instead
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Completions {
    pub(crate) fn run(&self, mut program: Command) -> ExitCode {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, "tinyhttp", &mut script);
        print(&script)
    }
}

impl ManPage {
    pub(crate) fn run(&self, mut program: Command) -> ExitCode {
        program.build();
        let result = match (&self.out, &self.command) {
            (Some(dir), _) => write_all(&program, dir),
            (None, Some(name)) => find(&program, name).and_then(page),
            (None, None) => page(&program),
        };
        match result {
            Ok(text) => print(&text),
            Err(failure) => failure.report(),
        }
    }
}

/// Renders the page of a command.
fn page(command: &Command) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    // The version only: the title has the program's name already.
    let version = command.get_version().unwrap_or_default();
    let name = command.get_display_name().unwrap_or(command.get_name());
    Man::new(command.clone())
        .title(name.to_uppercase())
        .source(format!("tinyhttp {version}"))
        .manual("User Commands")
        .render(&mut text)
        .map_err(|error| Failure::new(format!("can't make the page of {name}: {error}"), ""))?;
    Ok(text)
}

/// Returns the commands that have a page.
fn commands(program: &Command) -> impl Iterator<Item = &Command> {
    let commands = program.get_subcommands();
    commands.filter(|command| command.get_name() != "help")
}

fn find<'p>(program: &'p Command, name: &str) -> Result<&'p Command, Failure> {
    commands(program)
        .find(|command| command.get_name() == name)
        .ok_or_else(|| {
            let names: Vec<_> = commands(program).map(Command::get_name).collect();
            Failure::new(
                format!("there is no command '{name}'"),
                format!("the commands are {}", names.join(", ")),
            )
        })
}

/// Writes `tinyhttp.1`, `tinyhttp-serve.1` and the others, and returns nothing to print.
fn write_all(program: &Command, dir: &Path) -> Result<Vec<u8>, Failure> {
    for command in std::iter::once(program).chain(commands(program)) {
        let name = command.get_display_name().unwrap_or(command.get_name());
        let path = dir.join(format!("{name}.1"));
        std::fs::write(&path, page(command)?).map_err(|error| {
            Failure::new(
                format!("can't write {}: {error}", path.display()),
                "--out takes a directory that exists; you must be allowed to write to it",
            )
        })?;
    }
    Ok(Vec::new())
}

fn print(text: &[u8]) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // A pager that was closed early needs no more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => Failure::new(format!("can't write to stdout: {error}"), "").report(),
    }
}
