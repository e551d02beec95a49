//! HTTPie's nested JSON: `user[name]=Ada tags[]=x list[2]:=true` is one JSON value.
//!
//! ```text
//! path = (KEY | "[" NUMBER "]" | "[]") *( "[" KEY "]" | "[" NUMBER "]" | "[]" )
//! ```
//!
//! A backslash before a bracket or a backslash makes it text, and before a number makes that a key.

use crate::failure::Failure;
use serde_json::{Map, Value};

/// The deepest nesting of a value.
const DEEPEST: usize = 100;
/// The largest number of nulls that fill the gaps before an index, in all lists together.
const MOST_FILLED: usize = 100_000;

const HINT: &str = "write object[key]=text, list[]=text or list[0]=text; \\[ is the bracket itself";

/// A JSON value that is put together item by item.
#[derive(Debug, Default)]
pub(super) struct Tree {
    root: Option<Value>,
    filled: usize,
}

/// One step of a path, and where it stands in the key.
#[derive(Debug)]
struct Step {
    action: Action,
    start: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum Action {
    Key(String),
    Index(usize),
    Append,
}

impl Tree {
    /// Puts a value where the key leads to.
    ///
    /// # Errors
    /// Exit code 2 and the position, counted from 1, if the key is malformed or leads into a value
    /// of another type.
    pub(super) fn insert(&mut self, key: &str, value: Value) -> Result<(), Failure> {
        let steps = parse(key)?;
        if steps.len() > DEEPEST {
            let what = format!("nested more than {DEEPEST} deep");
            return Err(error(key, steps[DEEPEST].start, &what));
        }
        let mut cursor = self.root.get_or_insert(Value::Null);
        for Step { action, start } in &steps {
            if cursor.is_null() {
                *cursor = match action {
                    Action::Key(_) => Value::Object(Map::new()),
                    Action::Index(_) | Action::Append => Value::Array(Vec::new()),
                };
            }
            cursor = match (action, cursor) {
                (Action::Key(name), Value::Object(object)) => {
                    object.entry(name.clone()).or_insert(Value::Null)
                }
                (Action::Index(index), Value::Array(list)) => {
                    self.filled += index.saturating_sub(list.len());
                    if self.filled > MOST_FILLED {
                        let what = format!("more than {MOST_FILLED} values left out");
                        return Err(error(key, *start, &what));
                    }
                    list.resize(list.len().max(index + 1), Value::Null);
                    &mut list[*index]
                }
                (Action::Append, Value::Array(list)) => {
                    list.push(Value::Null);
                    let last = list.len() - 1;
                    &mut list[last]
                }
                (action, found) => return Err(wrong_type(key, action, *start, found)),
            };
        }
        *cursor = value;
        Ok(())
    }

    /// The value, if there is one.
    pub(super) fn into_value(self) -> Option<Value> {
        self.root
    }
}

/// The steps of a key.
fn parse(key: &str) -> Result<Vec<Step>, Failure> {
    let characters: Vec<char> = key.chars().collect();
    let mut steps = Vec::new();
    let mut at = 0;
    if characters.first() != Some(&'[') {
        let (name, _) = text(&characters, &mut at);
        steps.push(Step {
            action: Action::Key(name),
            start: 0,
        });
    }
    while at < characters.len() {
        let start = at;
        if characters[at] != '[' {
            return Err(error(key, at, "expected '['"));
        }
        at += 1;
        let inner = at;
        let (name, is_escaped) = text(&characters, &mut at);
        let number = name.parse::<i64>().ok().filter(|_| !is_escaped);
        let action = match number {
            Some(number) if number < 0 => return Err(error(key, inner, "a negative index")),
            Some(number) => Action::Index(number as usize),
            None if name.is_empty() && at == inner => Action::Append,
            None if is_digits(&name) && !is_escaped => {
                return Err(error(key, inner, "too large an index"));
            }
            // The outermost value is an object or a list, which a name in brackets doesn't tell.
            None if start == 0 => return Err(error(key, inner, "expected a number or ']'")),
            None => Action::Key(name),
        };
        if characters.get(at) != Some(&']') {
            return Err(error(key, at, "expected ']'"));
        }
        at += 1;
        steps.push(Step { action, start });
    }
    Ok(steps)
}

/// Text up to a bracket, without its backslashes, and whether any of it was escaped.
fn text(characters: &[char], at: &mut usize) -> (String, bool) {
    let mut text = String::new();
    let mut is_escaped = false;
    while let Some(&character) = characters.get(*at).filter(|c| !matches!(c, '[' | ']')) {
        *at += 1;
        match characters.get(*at) {
            Some(&next @ ('[' | ']' | '\\')) if character == '\\' => {
                text.push(next);
                is_escaped = true;
                *at += 1;
            }
            _ => text.push(character),
        }
    }
    match text.strip_prefix('\\') {
        Some(number) if !is_escaped && is_digits(number) => (number.to_owned(), true),
        _ => (text, is_escaped),
    }
}

fn is_digits(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn error(key: &str, at: usize, what: &str) -> Failure {
    let position = at + 1;
    Failure::with_code(2, format!("{what} at position {position} of {key:?}")).hint(HINT)
}

fn wrong_type(key: &str, action: &Action, start: usize, found: &Value) -> Failure {
    let needed = match action {
        Action::Key(_) => "an object",
        Action::Index(_) | Action::Append => "a list",
    };
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    let before: String = key.chars().take(start).collect();
    let whose = match before.is_empty() {
        true => "the whole value".to_owned(),
        false => format!("{before:?}"),
    };
    let what = format!("{whose} is {found} already, and {needed} is needed");
    error(key, start, &what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Items between spaces; all values are JSON.
    fn build(items: &str) -> Result<String, Failure> {
        let mut tree = Tree::default();
        for item in items.split(' ') {
            let (key, value) = item.rsplit_once('=').unwrap();
            tree.insert(key, serde_json::from_str(value).unwrap())?;
        }
        Ok(tree.into_value().unwrap().to_string())
    }

    #[test]
    fn values() {
        let table = [
            ("a=1", r#"{"a":1}"#),
            ("a=1 a=2", r#"{"a":2}"#),
            ("a[b]=1 a[c]=2", r#"{"a":{"b":1,"c":2}}"#),
            ("a[]=1 a[]=2", r#"{"a":[1,2]}"#),
            ("a[b][]=1 a[b][][c]=2", r#"{"a":{"b":[1,{"c":2}]}}"#),
            ("a[0][b]=1 a[0][c]=2", r#"{"a":[{"b":1,"c":2}]}"#),
            ("a[2]=1", r#"{"a":[null,null,1]}"#),
            ("a[2]=1 a[0]=2 a[0]=3", r#"{"a":[3,null,1]}"#),
            ("a[+1]=1", r#"{"a":[null,1]}"#),
            ("a[][][]=1", r#"{"a":[[[1]]]}"#),
            ("[]=1 []=2", "[1,2]"),
            ("[1]=1 [0][a]=2", r#"[{"a":2},1]"#),
            ("[][a]=1", r#"[{"a":1}]"#),
            ("5=1 0[1]=2", r#"{"5":1,"0":[null,2]}"#),
            (r"a\[b\]=1", r#"{"a[b]":1}"#),
            (r"a\[b\][c]=1", r#"{"a[b]":{"c":1}}"#),
            (r"a[\]]=1", r#"{"a":{"]":1}}"#),
            (r"a[\1]=1 a[\-2]=3", r#"{"a":{"1":1,"-2":3}}"#),
            (r"a\\[b]=1", r#"{"a\\":{"b":1}}"#),
            (r"a\b=1", r#"{"a\\b":1}"#),
            ("a.b[1.5]=1", r#"{"a.b":{"1.5":1}}"#),
            ("é[ü]=1", r#"{"é":{"ü":1}}"#),
            (r#"a={"x":1} a[y]=2"#, r#"{"a":{"x":1,"y":2}}"#),
            ("a=[null] a[0][b]=1", r#"{"a":[{"b":1}]}"#),
            ("a[b]=1 a=2", r#"{"a":2}"#),
        ];
        for (items, want) in table {
            assert_eq!(build(items).unwrap(), want, "{items}");
        }
    }

    #[test]
    fn mistakes_and_where() {
        let table = r#"
            a[b=1 => expected ']' at position 4
            a[=1 => expected ']' at position 3
            a[b[c]]=1 => expected ']' at position 4
            a]b=1 => expected '[' at position 2
            a[b]c=1 => expected '[' at position 5
            é[ü]c=1 => expected '[' at position 5
            [a]=1 => expected a number or ']' at position 2
            a[-1]=1 => a negative index at position 3
            a[99999999999999999999]=1 => too large an index at position 3
            a[9223372036854775807]=1 => left out at position 2
            a[100001]=1 => left out at position 2
            a[60000]=1 b[60000]=1 => left out at position 2
            a=1 a[b]=2 => "a" is a number already, and an object is needed at position 2
            a[]=1 a[b]=2 => "a" is a list already, and an object is needed at position 2
            a[b]=1 a[]=2 => "a" is an object already, and a list is needed at position 2
            a[b]=1 a[b][0]=2 => "a[b]" is a number already, and a list is needed at position 5
            []=1 a=2 => the whole value is a list already, and an object is needed at position 1
            a=2 []=1 => the whole value is an object already, and a list is needed at position 1
        "#;
        for (items, want) in table::cases(table) {
            let failure = build(items).unwrap_err();
            assert_eq!(failure.code(), 2, "{items}");
            let found = format!("{} ", failure.what()).contains(&format!("{want} "));
            assert!(found, "{items}: {}", failure.what());
        }
        assert!(build(&format!("a{}=1", "[]".repeat(99))).is_ok());
        let deep = build(&format!("a{}=1", "[]".repeat(100))).unwrap_err();
        assert!(
            deep.what().starts_with("nested more than 100 deep"),
            "{}",
            deep.what()
        );
        assert!(build("a[100000]=1").is_ok());
    }
}
