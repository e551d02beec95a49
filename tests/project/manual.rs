//! Man pages and completions: made from the flags, and accepted by the programs that read them,
//! where these are installed.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use support::{Folder, tinyhttp};

fn run(arguments: &[&str]) -> Output {
    tinyhttp().args(arguments).output().unwrap()
}

/// Gives a file to a program that checks it; a program that isn't installed accepts everything.
fn check(program: &str, arguments: &[&str], content: &[u8]) {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        eprintln!("skipped: there is no {program}");
        return;
    };
    child.stdin.take().unwrap().write_all(content).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program}: {said} {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn completions_are_accepted_by_their_shells() {
    for (shell, check_only) in [("bash", "-n"), ("zsh", "-n"), ("fish", "-n")] {
        let output = run(&["completions", shell]);
        assert!(output.status.success(), "{shell}");
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        for part in ["serve", "log-file", "resolve", "completions", "compressed"] {
            assert!(text.contains(part), "{shell}: {part}");
        }
        let folder = Folder::new().with("script", &output.stdout);
        check(shell, &[check_only, &folder.join("script")], b"");
    }
    let output = run(&["completions", "cmd"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("bash"));
}

#[test]
fn bash_completes_flags() {
    let script = run(&["completions", "bash"]).stdout;
    let folder = Folder::new().with("script", script);
    let line = "source ./script; COMP_WORDS=(tinyhttp serve --log-f); COMP_CWORD=2; \
                _tinyhttp tinyhttp --log-f serve; echo ${COMPREPLY[@]}";
    let output = Command::new("bash")
        .args(["-c", line])
        .current_dir(folder.path())
        .output();
    match output {
        Ok(output) => {
            let text = String::from_utf8(output.stdout).unwrap();
            assert_eq!(text.trim(), "--log-format --log-file");
        }
        Err(error) => eprintln!("skipped: bash: {error}"),
    }
}

#[test]
fn man_pages_of_all_commands() {
    let folder = Folder::new();
    let output = run(&["man", "--out", folder.path().to_str().unwrap()]);
    assert!(output.status.success() && output.stdout.is_empty());
    let names = [
        "tinyhttp-completions.1",
        "tinyhttp-get.1",
        "tinyhttp-man.1",
        "tinyhttp-resolve.1",
        "tinyhttp-serve.1",
        "tinyhttp.1",
    ];
    assert_eq!(folder.names(), names);
    for name in names {
        let page = folder.read(name);
        let text = String::from_utf8(page.clone()).unwrap();
        assert!(text.contains(".TH TINYHTTP"), "{text}");
        check("mandoc", &["-T", "lint", "-W", "error"], &page);
        let command = name.trim_end_matches(".1").trim_start_matches("tinyhttp");
        let command = command.trim_start_matches('-');
        let printed = match command {
            "" => run(&["man"]),
            command => run(&["man", command]),
        };
        assert_eq!(printed.stdout, page, "{name}");
    }
    let serve = String::from_utf8(folder.read("tinyhttp-serve.1")).unwrap();
    for part in ["log\\-file", "SIGHUP", "TINYHTTP_PORT"] {
        assert!(serve.contains(part), "{part}");
    }
    for (arguments, why) in [
        (&["man", "nothing"][..], "there is no command 'nothing'"),
        (
            &["man", "--out", "/no/such/folder"],
            "can't write /no/such/folder/tinyhttp.1",
        ),
    ] {
        let output = run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(why) && said.lines().count() == 2, "{said}");
    }
}
