//! The names of this machine: its host name, with `.local` for mDNS, and its aliases in
//! `/etc/hosts`.

use rustix::system::uname;

/// Returns the names, without `localhost`.
pub(super) fn of_this_machine() -> Vec<String> {
    let system = uname();
    let host = system.nodename().to_string_lossy().into_owned();
    // An unreadable table adds no names.
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    names(&host, &hosts)
}

fn names(host: &str, hosts: &str) -> Vec<String> {
    if host.is_empty() || host == "(none)" {
        return Vec::new();
    }
    let short = host.split('.').next().unwrap_or(host);
    let mut names = vec![host.to_owned(), short.to_owned(), format!("{short}.local")];
    for line in hosts.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let aliases: Vec<_> = line.split_ascii_whitespace().skip(1).collect();
        if aliases.iter().any(|name| name.eq_ignore_ascii_case(host)) {
            names.extend(aliases.into_iter().map(str::to_owned));
        }
    }
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn host_name_and_its_aliases() {
        let hosts = "127.0.0.1 localhost\n\
                     # 127.0.1.1 comment box\n\
                     127.0.1.1\tbox.lan  BOX web # old\n\
                     192.0.2.1 other\n";
        let table: [(&str, &[&str]); 4] = [
            ("box", &["BOX", "box", "box.lan", "box.local", "web"]),
            ("pi.home.arpa", &["pi", "pi.home.arpa", "pi.local"]),
            ("", &[]),
            ("(none)", &[]),
        ];
        for (host, want) in table {
            assert_eq!(names(host, hosts), want, "{host}");
        }
    }
}
