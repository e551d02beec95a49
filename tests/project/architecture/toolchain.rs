//! The source keeps to the oldest Rust that is promised. Clippy notices newer functions of std;
//! newer syntax is noticed here, and both by `make msrv`.

use super::tokens::{Token, tokens};
use super::{CRATES, source};

/// The conditions of each `if` and `while`, as tokens.
fn conditions(tokens: &[Token]) -> Vec<&[Token]> {
    let begins = |token: &Token| matches!(token.word(), Some("if" | "while"));
    let starts = (0..tokens.len()).filter(|at| begins(&tokens[*at]));
    let condition = |start: usize| {
        let rest = &tokens[start + 1..];
        let mut depth = 0_u32;
        let end = rest.iter().enumerate().position(|(at, token)| {
            // A guard in a match ends with an arrow.
            let is_arrow = token.is('=') && rest.get(at + 1).is_some_and(|next| next.is('>'));
            match token {
                Token::Sign('(' | '[') => depth += 1,
                Token::Sign(')' | ']') if depth == 0 => return true,
                Token::Sign(')' | ']') => depth -= 1,
                Token::Sign('{') if depth == 0 => return true,
                _ => {}
            }
            is_arrow && depth == 0
        });
        &rest[..end.unwrap_or(rest.len())]
    };
    starts.map(condition).collect()
}

/// Whether a condition has `let` and, outside of parentheses, `&&`: a let chain, which Rust has
/// since 1.88.
fn is_let_chain(condition: &[Token]) -> bool {
    let mut depth = 0_u32;
    let mut has_and = false;
    for pair in condition.windows(2) {
        match &pair[0] {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
            // `= &&x` is a reference to a reference.
            Token::Sign('&') if depth == 0 && pair[1].is('&') => has_and = true,
            _ => {}
        }
    }
    has_and && condition.iter().any(|token| token.word() == Some("let"))
}

#[test]
fn conditions_are_no_let_chains() {
    let mut found = Vec::new();
    for name in CRATES {
        for (path, text) in source(name) {
            let tokens = tokens(&text);
            let chains = conditions(&tokens)
                .into_iter()
                .filter(|it| is_let_chain(it));
            found.extend(chains.map(|chain| format!("{}: {chain:?}", path.display())));
        }
    }
    assert!(
        found.is_empty(),
        "Rust 1.85 has no let chains; nest the conditions: {found:#?}"
    );
}

#[test]
fn let_chains_are_recognised() {
    let table = [
        ("if let A = b && c { x }", true),
        ("if a && let Some(b) = c { x }", true),
        ("while a && let Some(b) = c() { x }", true),
        ("if let A = b { if c && d { x } }", false),
        ("if a && b { let c = d; }", false),
        ("if let Some(a) = b.filter(|it| c && d) { x }", false),
        ("match a { B if c && d => { let e = f; } }", false),
        ("matches!(a, B if c && d); let e = f;", false),
    ];
    for (text, want) in table {
        let tokens = tokens(text);
        let is_found = conditions(&tokens).into_iter().any(is_let_chain);
        assert_eq!(is_found, want, "{text}");
    }
}
