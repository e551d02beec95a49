//! A crate's modules and which file imports which, read from its source.
//!
//! An import is resolved to the file that *defines* what it names: `use crate::body::Concat` leads
//! through the re-export in `body/mod.rs` to `body/concat.rs`. A re-export that its file doesn't
//! use itself is no import. Code under `#[cfg(test)]` doesn't count.

use super::tokens::{Token, tokens};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// A module's path from the crate's root.
type ModulePath = Vec<String>;

/// What a file imports: for each file, the files.
pub(super) type Imports = BTreeMap<String, BTreeSet<String>>;

/// The modules of one crate.
#[derive(Debug, Default)]
pub(super) struct Crate {
    modules: HashMap<ModulePath, Module>,
}

#[derive(Debug, Default)]
struct Module {
    /// Relative to `src/`.
    file: String,
    children: HashSet<String>,
    /// Names that this module itself defines.
    items: HashSet<String>,
    /// Names that `use` declarations bring in, and what they stand for.
    names: HashMap<String, ModulePath>,
    globs: Vec<ModulePath>,
    /// Paths in `use` declarations and in code.
    paths: Vec<ModulePath>,
}

/// One name that a `use` declaration brings in: its path and, unless it is a glob, what it is
/// called.
type Imported = (ModulePath, Option<String>);

impl Crate {
    /// Reads a crate from the file that is its root.
    pub(super) fn read(root: &Path) -> Self {
        let mut read = Crate::default();
        let folder = root.parent().unwrap();
        read.add_file(folder, root, Vec::new());
        read
    }

    fn add_file(&mut self, src: &Path, path: &Path, module: ModulePath) {
        let text = std::fs::read_to_string(path).unwrap();
        let name = path.strip_prefix(src).unwrap().to_str().unwrap();
        let tokens = tokens(&text);
        let declared = self.add_module(name, &tokens, module);
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let own = path.parent().unwrap();
        let folder = match stem {
            "mod" | "lib" | "main" => own.to_owned(),
            stem => own.join(stem),
        };
        for child in declared {
            let name = child.last().unwrap();
            let candidates = [
                folder.join(format!("{name}.rs")),
                folder.join(name).join("mod.rs"),
            ];
            let found: Vec<&PathBuf> = candidates.iter().filter(|path| path.exists()).collect();
            // `with_file::inner` of an inline module would lie deeper; there is none.
            let [found] = found[..] else {
                panic!(
                    "{}: module {name} has {} files",
                    path.display(),
                    found.len()
                );
            };
            self.add_file(src, found, child);
        }
    }

    /// Adds a module, and those inside its braces. Returns the modules that have files of their
    /// own.
    fn add_module(&mut self, file: &str, tokens: &[Token], path: ModulePath) -> Vec<ModulePath> {
        let mut module = Module {
            file: file.to_owned(),
            ..Module::default()
        };
        let mut declared = Vec::new();
        let (mut at, mut depth) = (0, 0_u32);
        while at < tokens.len() {
            let next = tokens.get(at + 1);
            match (&tokens[at], next.and_then(Token::word)) {
                (Token::Word(word), Some(name)) if word == "mod" => {
                    let child = [&path[..], &[name.to_owned()]].concat();
                    module.children.insert(name.to_owned());
                    if tokens[at + 2].is('{') {
                        let end = closing(tokens, at + 2);
                        declared.extend(self.add_module(file, &tokens[at + 3..end], child));
                        at = end;
                    } else {
                        declared.push(child);
                        at += 2;
                    }
                }
                (Token::Word(word), _) if word == "use" => {
                    let end = at + tokens[at..].iter().position(|token| token.is(';')).unwrap();
                    let mut imported = Vec::new();
                    use_tree(&tokens[at + 1..end], &mut Vec::new(), &mut imported);
                    let is_public =
                        at > 0 && (tokens[at - 1].is(')') || tokens[at - 1].word() == Some("pub"));
                    for (target, name) in imported {
                        let target = absolute(&path, target);
                        let reexports = is_public && depth == 0;
                        let is_used = |name: &String| uses_outside_declarations(tokens, name);
                        if !reexports || name.as_ref().is_some_and(is_used) {
                            module.paths.push(target.clone());
                        }
                        match name {
                            Some(name) if depth == 0 => _ = module.names.insert(name, target),
                            None if depth == 0 => module.globs.push(target),
                            _ => {}
                        }
                    }
                    at = end;
                }
                (Token::Word(word), Some(name)) if depth == 0 && DEFINING.contains(&&word[..]) => {
                    module.items.insert(name.to_owned());
                }
                (Token::Word(_), _) if tokens.get(at + 1) == Some(&Token::PathSeparator) => {
                    // `pub(in crate::files)` is no import.
                    let is_start = at == 0
                        || tokens[at - 1] != Token::PathSeparator && !is_visibility(tokens, at);
                    if is_start {
                        let (found, length) = plain_path(&tokens[at..]);
                        module.paths.push(absolute(&path, found));
                        at += length - 1;
                    }
                }
                (Token::Sign('{'), _) => depth += 1,
                (Token::Sign('}'), _) => depth = depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
        }
        self.modules.insert(path, module);
        declared
    }

    /// Which file imports which.
    pub(super) fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for (path, module) in &self.modules {
            let into = imports.entry(module.file.clone()).or_default();
            let targets = module
                .paths
                .iter()
                .filter_map(|target| self.file_of(path, target));
            into.extend(targets.filter(|file| **file != module.file).cloned());
        }
        imports
    }

    /// The file that defines what a path names; `None` for what is not of this crate.
    fn file_of(&self, from: &ModulePath, path: &ModulePath) -> Option<&String> {
        let found = match path.split_first()? {
            (first, rest) if first == "crate" => self.resolve(&[], rest, 0),
            (first, _) => {
                let here = &self.modules[from];
                let is_known = here.children.contains(first) || here.names.contains_key(first);
                is_known.then(|| self.resolve(from, path, 0))?
            }
        };
        found.map(|module| &self.modules[&module].file)
    }

    /// The module in which a path ends, from a module on.
    fn resolve(&self, from: &[String], path: &[String], depth: u32) -> Option<ModulePath> {
        assert!(depth < 32, "{from:?} {path:?}");
        let module = self.modules.get(from)?;
        let Some((first, rest)) = path.split_first() else {
            return Some(from.to_vec());
        };
        if module.children.contains(first) {
            let child = [from, std::slice::from_ref(first)].concat();
            return self.resolve(&child, rest, depth + 1);
        }
        if module.items.contains(first) {
            return Some(from.to_vec());
        }
        let onward = |target: &ModulePath| match target.split_first() {
            Some((start, target)) if start == "crate" => {
                self.resolve(&[], &[target, rest].concat(), depth + 1)
            }
            Some((start, _)) if module.children.contains(start) => {
                self.resolve(from, &[target, rest].concat(), depth + 1)
            }
            _ => None,
        };
        if let Some(target) = module.names.get(first) {
            return onward(target);
        }
        let in_globs = module
            .globs
            .iter()
            .filter_map(|glob| match glob.split_first() {
                Some((start, glob)) if start == "crate" => self.resolve(&[], glob, depth + 1),
                _ => None,
            });
        let mut in_globs = in_globs.filter(|found| self.modules[found].items.contains(first));
        // What is defined by a macro, perhaps: then it is of this module.
        Some(in_globs.next().unwrap_or_else(|| from.to_vec()))
    }
}

const DEFINING: [&str; 9] = [
    "fn",
    "struct",
    "enum",
    "trait",
    "type",
    "const",
    "static",
    "union",
    "macro_rules",
];

/// Whether the path at a place is that of `pub(in …)`.
fn is_visibility(tokens: &[Token], at: usize) -> bool {
    at >= 3 && tokens[at - 1].word() == Some("in") && tokens[at - 3].word() == Some("pub")
}

/// Whether a name stands in the code outside of `use` and `mod` declarations.
fn uses_outside_declarations(tokens: &[Token], name: &str) -> bool {
    let mut declaration = None;
    tokens.iter().any(|token| {
        match token {
            Token::Word(word) if word == "use" || word == "mod" => declaration = Some(word),
            Token::Sign(';') => declaration = None,
            Token::Sign('{') if declaration.is_some_and(|word| word == "mod") => declaration = None,
            _ => {}
        }
        declaration.is_none() && token.word() == Some(name)
    })
}

/// Where the brace that opens at a place is closed.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token {
            Token::Sign('{') => depth += 1,
            Token::Sign('}') => {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// The names that a `use` tree brings in.
fn use_tree(tokens: &[Token], prefix: &mut ModulePath, out: &mut Vec<Imported>) {
    let before = prefix.len();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            Token::Word(word) if word == "as" => {
                let name = tokens[at + 1].word().unwrap().to_owned();
                out.push((prefix.clone(), Some(name)));
                prefix.truncate(before);
                at += 1;
            }
            Token::Word(word) => {
                if word != "self" || prefix.is_empty() {
                    prefix.push(word.clone());
                }
                let next = tokens.get(at + 1);
                let goes_on =
                    next == Some(&Token::PathSeparator) || next.and_then(Token::word) == Some("as");
                if !goes_on {
                    out.push((prefix.clone(), prefix.last().cloned()));
                    prefix.truncate(before);
                }
            }
            Token::Sign('*') => {
                out.push((prefix.clone(), None));
                prefix.truncate(before);
            }
            Token::Sign('{') => {
                let end = closing(tokens, at);
                let mut start = at + 1;
                let mut depth = 0;
                for (place, token) in tokens.iter().enumerate().take(end + 1).skip(start) {
                    match token {
                        Token::Sign('{') => depth += 1,
                        Token::Sign('}') if depth > 0 => depth -= 1,
                        Token::Sign(',' | '}') if depth == 0 => {
                            use_tree(&tokens[start..place], prefix, out);
                            start = place + 1;
                        }
                        _ => {}
                    }
                }
                prefix.truncate(before);
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
}

/// A path in code, and how many tokens it takes.
fn plain_path(tokens: &[Token]) -> (ModulePath, usize) {
    let mut path = Vec::new();
    let mut at = 0;
    while let Some(word) = tokens.get(at).and_then(Token::word) {
        path.push(word.to_owned());
        at += 1;
        if tokens.get(at) != Some(&Token::PathSeparator) {
            break;
        }
        at += 1;
    }
    (path, at.max(1))
}

/// A path from the crate's root, if it says how to get there; otherwise as it is.
fn absolute(module: &[String], path: ModulePath) -> ModulePath {
    let supers = path.iter().take_while(|name| *name == "super").count();
    let own = match path.first().map(String::as_str) {
        Some("self") => 1,
        Some("super") => supers,
        _ => return path,
    };
    let base = &module[..module.len() - supers.min(module.len())];
    let root = ["crate".to_owned()];
    [&root[..], base, &path[own..]].concat()
}

/// The sets of files that import one another in a circle, each in order.
pub(super) fn cycles(imports: &Imports) -> Vec<Vec<String>> {
    let reachable = |start: &String| {
        let mut seen = BTreeSet::new();
        let mut pending = vec![start];
        while let Some(file) = pending.pop() {
            for next in imports.get(file).into_iter().flatten() {
                if seen.insert(next) {
                    pending.push(next);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<_, _> = imports.keys().map(|file| (file, reachable(file))).collect();
    let mut circles = BTreeSet::new();
    for (file, from) in &reached {
        let circle: Vec<String> = from
            .iter()
            .filter(|other| reached.get(*other).is_some_and(|back| back.contains(file)))
            .map(|other| (*other).clone())
            .collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

#[test]
fn imports_lead_to_the_file_that_defines_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let files = r#"
        lib.rs => mod a; mod b; pub use a::Thing; #[cfg(test)] mod absent;
        a/mod.rs => mod thing; mod user; pub(crate) use thing::{Thing, Other as Renamed};
        a/thing.rs => use super::user; pub struct Thing; pub struct Other; pub(in crate::a) fn f() {}
        a/user.rs => use super::{Renamed, super::b::{self, inner::Deep}}; // use crate::c;
        b.rs => mod inner { pub struct Deep; use super::super::a; } mod leaf;\nfn f() { leaf::g(); crate::Thing::new() } #[cfg(test)] use crate::a::user;
        b/leaf.rs => pub fn g() {} use std::fmt; "crate::a"
    "#;
    for (name, text) in table::cases(files) {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, table::unescaped(text)).unwrap();
    }
    let imports = Crate::read(&folder.path().join("lib.rs")).imports();
    let table = [
        ("lib.rs", ""),
        ("a/mod.rs", ""),
        ("a/thing.rs", "a/user.rs"),
        ("a/user.rs", "a/thing.rs b.rs"),
        ("b.rs", "a/mod.rs a/thing.rs b/leaf.rs"),
        ("b/leaf.rs", ""),
    ];
    for (file, want) in table {
        let got: Vec<&str> = imports[file].iter().map(String::as_str).collect();
        assert_eq!(got.join(" "), want, "{file}");
    }
    assert_eq!(cycles(&imports), [["a/thing.rs", "a/user.rs", "b.rs"]]);
}

/// The modules that a file declares, those for tests left out.
pub(super) fn declared(text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let pairs = tokens
        .windows(3)
        .filter(|three| three[0].word() == Some("mod") && three[2].is(';'));
    pairs
        .filter_map(|three| three[1].word().map(str::to_owned))
        .collect()
}
