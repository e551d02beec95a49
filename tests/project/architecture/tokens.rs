//! Rust source as tokens: enough of the language to see modules, imports and paths.

/// One token. Literals, lifetimes and comments are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    /// `::`
    PathSeparator,
    Sign(char),
}

impl Token {
    pub(super) fn word(&self) -> Option<&str> {
        match self {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }

    pub(super) fn is(&self, sign: char) -> bool {
        *self == Token::Sign(sign)
    }
}

/// The tokens of a file, without the items that `#[cfg(test)]` and `#[cfg(doctest)]` hide.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    without_tests(&all_tokens(text))
}

fn all_tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            _ if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => block_comment(rest),
            _ if rest.starts_with("::") => {
                tokens.push(Token::PathSeparator);
                2
            }
            '"' => string(rest),
            '\'' => character_or_lifetime(rest),
            _ if literal_prefix(rest).is_some() => {
                let prefix = literal_prefix(rest).unwrap();
                prefix + after_prefix(&rest[prefix..])
            }
            _ if is_word(first) => {
                let end = rest.find(|other| !is_word(other)).unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_owned()));
                end
            }
            _ => {
                if !first.is_whitespace() {
                    tokens.push(Token::Sign(first));
                }
                first.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    tokens
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of a string literal that begins with its quote.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn character_or_lifetime(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        // The escaped character, which may be a quote, and then everything up to the quote.
        (Some((_, '\\')), Some((at, escaped))) => {
            let behind = at + escaped.len_utf8();
            text[behind..]
                .find('\'')
                .map_or(text.len(), |end| behind + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

/// The length of `r`, `b`, `br`, `c` or `cr` before the quotes or hashes of a literal.
fn literal_prefix(text: &str) -> Option<usize> {
    ["br", "cr", "r", "b", "c"].into_iter().find_map(|prefix| {
        let rest = text.strip_prefix(prefix)?;
        let is_raw = prefix.ends_with('r') && rest.trim_start_matches('#').starts_with('"');
        let is_plain = rest.starts_with('"') || (prefix == "b" && rest.starts_with('\''));
        (is_raw || is_plain).then_some(prefix.len())
    })
}

fn after_prefix(text: &str) -> usize {
    let hashes = text.len() - text.trim_start_matches('#').len();
    if hashes > 0 {
        let end = format!("\"{}", "#".repeat(hashes));
        let start = hashes + 1;
        text[start..]
            .find(&end)
            .map_or(text.len(), |at| start + at + end.len())
    } else if text.starts_with('\'') {
        character_or_lifetime(text)
    } else {
        string(text)
    }
}

/// The words that begin an item.
const ITEMS: [&str; 10] = [
    "mod", "use", "fn", "struct", "enum", "impl", "trait", "const", "static", "type",
];

/// Leaves out each item after `#[cfg(test)]`: up to its semicolon, or to the end of its braces.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let hides = |at: usize| {
        let words = ["#", "[", "cfg", "(", "test", ")", "]"];
        let doctest = ["#", "[", "cfg", "(", "doctest", ")", "]"];
        let is = |want: &[&str]| {
            want.iter()
                .enumerate()
                .all(|(offset, want)| match tokens.get(at + offset) {
                    Some(Token::Word(word)) => word == want,
                    Some(Token::Sign(sign)) => want.len() == 1 && want.starts_with(*sign),
                    _ => false,
                })
        };
        is(&words) || is(&doctest)
    };
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !hides(at) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        at += 7;
        // A field, a variant or an arm ends with a comma; an item may have commas in its generics.
        let is_item = |token: &&Token| ITEMS.contains(&token.word().unwrap_or_default());
        let ends_with_comma = !tokens[at..].iter().take(6).any(|token| is_item(&token));
        let mut depth = 0_u32;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                Token::Sign('{' | '(' | '[') => depth += 1,
                Token::Sign(closing @ ('}' | ')' | ']')) => {
                    depth -= 1;
                    if depth == 0 && *closing == '}' {
                        break;
                    }
                }
                Token::Sign(';') if depth == 0 => break,
                Token::Sign(',') if depth == 0 && ends_with_comma => break,
                _ => {}
            }
        }
    }
    kept
}

#[test]
fn tokens_are_those_of_the_code() {
    let text = r##"
        use a::b; // use c::d;
        /* use e::f; /* nested */ */
        const S: &str = "use g::h; \" x";
        const R: &[u8] = br#"use "i::j"#;
        fn f<'a>(x: &'a str) -> char { '\'' }
        #[cfg(test)]
        mod tests { use k::l; }
        #[cfg(test)]
        use m::{n, o};
        #[cfg(test)]
        impl<A, B> p::Q<A, B> { fn q() {} }
        b'{';
    "##;
    let words: Vec<_> = tokens(text)
        .iter()
        .filter_map(Token::word)
        .map(str::to_owned)
        .collect();
    let want = "use a b const S str const R u8 fn f a x a str char";
    assert_eq!(words.join(" "), want);
}
