//! Relaxes a page's Content-Security-Policy for the script of live reload (CSP Level 3, §2.2).

use http::HeaderValue;

/// The directives that the script needs: to be loaded, and to connect.
const NEEDED: [&str; 3] = ["script-src", "script-src-elem", "connect-src"];

/// Returns the policy with this site's own scripts and connections allowed, and otherwise as strict
/// as before. Policies in the page itself are not changed.
pub(super) fn allow_own(field: &HeaderValue) -> HeaderValue {
    let Ok(text) = field.to_str() else {
        return field.clone();
    };
    // Several policies in one field all apply.
    let policies: Vec<String> = text.split(',').map(allow).collect();
    HeaderValue::try_from(policies.join(",")).unwrap_or_else(|_| field.clone())
}

fn allow(policy: &str) -> String {
    let directives = policy.split(';').map(str::trim);
    let mut directives: Vec<(&str, String)> = directives
        .filter(|directive| !directive.is_empty())
        .map(|directive| {
            directive
                .split_once(char::is_whitespace)
                .unwrap_or((directive, ""))
        })
        .map(|(name, sources)| (name, sources.to_owned()))
        .collect();
    let find = |directives: &[(&str, String)], wanted: &str| {
        let mut names = directives.iter();
        names.position(|(name, _)| name.eq_ignore_ascii_case(wanted))
    };
    for wanted in NEEDED {
        if let Some(at) = find(&directives, wanted) {
            directives[at].1 = with_own(&directives[at].1);
            continue;
        }
        let default = find(&directives, "default-src");
        if let Some(at) = default.filter(|_| wanted != "script-src-elem") {
            directives.push((wanted, with_own(&directives[at].1)));
        }
    }
    let directives = directives
        .iter()
        .map(|(name, sources)| format!("{name} {sources}"));
    let directives: Vec<String> = directives.map(|text| text.trim_end().to_owned()).collect();
    directives.join("; ")
}

fn with_own(sources: &str) -> String {
    match sources.trim() {
        "" => "'self'".to_owned(),
        none if none.eq_ignore_ascii_case("'none'") => "'self'".to_owned(),
        sources => format!("{sources} 'self'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_relaxed() {
        let table = "
            =>
            img-src * => img-src *
            default-src 'none'; script-src 'nonce-x'; form-action 'none' => default-src 'none'; script-src 'nonce-x' 'self'; form-action 'none'; connect-src 'self'
            Default-Src https:; => Default-Src https:; script-src https: 'self'; connect-src https: 'self'
            script-src-elem 'none';connect-src => script-src-elem 'self'; connect-src 'self'
            script-src a, default-src 'none' => script-src a 'self',default-src 'none'; script-src 'self'; connect-src 'self'
        ";
        for (given, want) in table::cases(table) {
            let field = HeaderValue::from_static(given);
            assert_eq!(allow_own(&field), want, "{given}");
        }
    }
}
