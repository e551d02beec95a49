//! `--proto`: which schemes may be used, as curl writes it.

/// All there are.
const KNOWN: [&str; 4] = ["http", "https", "gopher", "gophers"];

/// Some of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::get) struct Schemes(Vec<&'static str>);

impl Schemes {
    /// `=https` and nothing else, `-http` not that, `+http` or `http` that too; `all` is every
    /// scheme. Those that aren't known here can't be used anyway.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut allowed = KNOWN.to_vec();
        // Whether a scheme is allowed that curl has and this program has not.
        let mut allows_others = false;
        for item in text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
        {
            let (sign, name) = match item.split_at(1) {
                (sign @ ("=" | "-" | "+"), name) => (sign, name),
                _ => ("+", item),
            };
            if !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) || name.is_empty() {
                return Err(format!("{item:?} is not a scheme; write =https, or -http"));
            }
            let is_meant = |known: &&str| name == "all" || name.eq_ignore_ascii_case(known);
            allows_others &= sign != "-" || name != "all";
            if sign == "=" {
                allowed.clear();
                allows_others = false;
            }
            allowed.retain(|known| !is_meant(known));
            if sign != "-" {
                allowed.extend(KNOWN.iter().filter(|known| is_meant(known)));
                allows_others |= !KNOWN.iter().any(is_meant);
            }
        }
        if allowed.is_empty() && !allows_others {
            return Err("no scheme is left; write =https, or -http".to_owned());
        }
        Ok(Schemes(allowed))
    }

    pub(in crate::get) fn has(&self, scheme: &str) -> bool {
        self.0.contains(&scheme)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let table: &[(&str, Option<&[&str]>)] = &[
            ("-all", None),
            ("-http,-https,-gopher,-gophers", None),
            ("=ftp,-all", None),
            ("-all,ftp", Some(&[])),
            ("=https", Some(&["https"])),
            ("=https,http", Some(&["https", "http"])),
            ("-http", Some(&["https", "gopher", "gophers"])),
            ("-all,https", Some(&["https"])),
            ("=all,-gopher", Some(&["http", "https", "gophers"])),
            ("=HTTPS", Some(&["https"])),
            ("=ftp", Some(&[])),
            ("=", None),
            ("ht tp", None),
        ];
        for (text, want) in table {
            let got = Schemes::parse(text).ok().map(|schemes| schemes.0);
            assert_eq!(got.as_deref(), *want, "{text}");
        }
    }
}
