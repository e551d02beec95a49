//! The tasks of `docs/from-other-libraries.md`: each line is compiled, and no task takes more lines
//! with tinyhttp than with axum or ureq.

use support::root;

const DOCUMENT: &str = "docs/from-other-libraries.md";

/// The files where the lines are compiled: with tinyhttp, and with other libraries.
const OURS: [&str; 2] = [
    "crates/server/tests/server/tasks.rs",
    "crates/client/tests/api/tasks.rs",
];
const OTHERS: [&str; 1] = ["tests/bench/libraries/examples/tasks.rs"];

/// The lines of one task with one library.
struct Snippet {
    task: String,
    library: String,
    lines: String,
}

/// The snippets of the document: in a block of code, a comment names the library of the lines below
/// it.
fn snippets(document: &str) -> Vec<Snippet> {
    let mut snippets = Vec::new();
    let mut task = "";
    let mut is_code = false;
    for line in document.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        } else if let Some(title) = line.strip_prefix("## ") {
            task = title;
        } else if let (true, Some(comment)) = (is_code, line.strip_prefix("// ")) {
            let library = comment.split([':', ',']).next().unwrap();
            snippets.push(Snippet {
                task: task.to_owned(),
                library: library.to_owned(),
                lines: String::new(),
            });
        } else if is_code {
            let snippet = snippets.last_mut().expect("lines without a library");
            snippet.lines.extend([line, "\n"]);
        }
    }
    snippets.retain(|snippet| !snippet.lines.is_empty());
    snippets
}

/// The code without what rustfmt changes when it breaks lines.
fn normal(code: &str) -> String {
    let code: String = code.split_whitespace().collect();
    code.replace(",)", ")").replace(",}", "}")
}

/// The functions of some files: normal, and the number of their lines.
fn functions(files: &[&str]) -> Vec<(String, usize)> {
    let mut functions = Vec::new();
    for file in files {
        let source = std::fs::read_to_string(root().join(file)).unwrap();
        let lines: Vec<&str> = source.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let (indent, code) = line.split_at(line.len() - line.trim_start().len());
            if !code.starts_with("fn ") && !code.starts_with("async fn ") {
                continue;
            }
            let end = format!("{indent}}}");
            let is_end = |line: &str| line == end || line.ends_with("{}");
            let end = lines[start..].iter().position(|line| is_end(line));
            let function = &lines[start..=start + end.expect("a function ends")];
            functions.push((normal(&function.join("\n")), function.len()));
        }
    }
    functions
}

#[test]
fn lines_of_tasks_are_compiled_and_few() {
    let document = std::fs::read_to_string(root().join(DOCUMENT)).unwrap();
    let (ours, others) = (functions(&OURS), functions(&OTHERS));
    let snippets = snippets(&document);
    assert!(snippets.len() > 25, "{} snippets", snippets.len());
    let mut lengths = Vec::new();
    for snippet in &snippets {
        let Snippet { task, library, .. } = snippet;
        let is_own = library == "tinyhttp";
        let mut compiled = if is_own { &ours } else { &others }.iter();
        let lines = normal(&snippet.lines);
        let found = compiled.find(|(function, _)| function.contains(&lines));
        let Some((_, length)) = found else {
            panic!("{DOCUMENT}: the lines of {task:?} with {library} are compiled nowhere");
        };
        lengths.push((task.as_str(), library.as_str(), *length));
    }
    let own = lengths
        .iter()
        .filter(|(_, library, _)| *library == "tinyhttp");
    let mut compared = 0;
    for (task, _, lines) in own {
        let (_, library, theirs) = lengths
            .iter()
            .find(|(other, library, _)| other == task && ["axum", "ureq"].contains(library))
            .unwrap();
        assert!(
            lines <= theirs,
            "{task}: {lines} lines, {theirs} with {library}"
        );
        compared += 1;
    }
    assert_eq!(compared, 10);
}
