//! The layers within a crate: imports never form a cycle, and lead downwards.

use super::modules::{Crate, Imports, cycles};
use super::{CRATES, check_allowance, root_file, source};

/// How many files are part of a cycle of imports. The allowances only ever shrink.
const IN_CYCLES: &[(&str, usize)] = &[("message", 0), ("server", 0), ("client", 0), ("cli", 0)];

/// The layers of the file server, each of which may import those before it.
const FILES: &[&str] = &[
    "dir query failure request_path scripts",
    "root",
    "options",
    "content",
    "respond",
    "listing archive",
    "lookup",
    "mod",
];

#[test]
fn imports_form_no_cycle() {
    let mut problems = Vec::new();
    for (name, allowed) in IN_CYCLES {
        let imports = Crate::read(&root_file(name)).imports();
        let cycles = cycles(&imports);
        let found: Vec<String> = cycles
            .iter()
            .flat_map(|files| describe(files, &imports))
            .collect();
        let what = format!("{name}: files in cycles of imports (IN_CYCLES)");
        problems.extend(check_allowance(&what, &found, *allowed));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The files of a cycle, each with its imports within the cycle.
fn describe(cycle: &[String], imports: &Imports) -> Vec<String> {
    let mut lines = Vec::new();
    for file in cycle {
        let within: Vec<&str> = imports[file]
            .iter()
            .filter(|other| cycle.contains(other))
            .map(String::as_str)
            .collect();
        lines.push(format!("  {file} imports {}", within.join(" ")));
    }
    lines
}

/// The imports that lead upwards among the modules of a folder.
fn upward(imports: &Imports, folder: &str, layers: &[&str]) -> Vec<String> {
    let layer_of = |file: &str| {
        let module = file.strip_prefix(folder)?;
        let module = module.split('/').next()?.trim_end_matches(".rs");
        let found = layers
            .iter()
            .position(|layer| layer.split(' ').any(|other| other == module));
        Some(found.unwrap_or_else(|| panic!("{file} is in no layer")))
    };
    let mut found = Vec::new();
    for (file, imported) in imports {
        let Some(layer) = layer_of(file) else {
            continue;
        };
        for other in imported {
            if layer_of(other).is_some_and(|other| other > layer) {
                found.push(format!("{file} imports {other}"));
            }
        }
    }
    found
}

/// The layers of the server.
const SERVER: &[&str] = &[
    "lock coding",
    "gate random semaphore deadline endpoint ip_text poller tls",
    "body",
    "page cookie form basic",
    "response",
    "upgrade error user work intake",
    "request",
    "extract content events multipart",
    "script interpreter handler access_log memory_content gateway",
    "router",
    "listen middleware connection files",
    "runtime",
    "server",
    "lib",
];

#[test]
fn the_server_imports_downwards() {
    let imports = Crate::read(&root_file("server")).imports();
    assert_eq!(upward(&imports, "", SERVER), Vec::<String>::new());
    assert_eq!(upward(&imports, "files/", FILES), Vec::<String>::new());
}

/// The layers of the client.
const CLIENT: &[&str] = &[
    "lock random peer origin zone timeouts credentials body coding",
    "error login multipart",
    "deadline trace retry",
    "transport",
    "tls cookies decode",
    "exchange",
    "connect request part",
    "compose redirect pool",
    "content stream",
    "response",
    "config",
    "fetch",
    "request_builder",
    "client",
    "lib",
];

#[test]
fn the_client_imports_downwards() {
    let imports = Crate::read(&root_file("client")).imports();
    assert_eq!(upward(&imports, "", CLIENT), Vec::<String>::new());
}

#[test]
fn every_module_is_listed_where_it_is_declared() {
    let mut missing = Vec::new();
    for name in CRATES {
        for (path, text) in source(name) {
            let file = path.file_name().unwrap().to_str().unwrap();
            if !["lib.rs", "main.rs", "mod.rs"].contains(&file) {
                continue;
            }
            let doc: String = text
                .lines()
                .filter(|line| line.starts_with("//!"))
                .collect();
            for module in super::modules::declared(&text) {
                if !doc.contains(&format!("`{module}`")) {
                    missing.push(format!("{}: {module}", path.display()));
                }
            }
        }
    }
    let what = "modules missing in the doc comment of the file that declares them (UNLISTED)";
    let problem = check_allowance(what, &missing, UNLISTED);
    assert!(problem.is_none(), "{}", problem.unwrap_or_default());
}

/// How many modules are missing from doc comments. It only ever shrinks.
const UNLISTED: usize = 0;
