//! IPv6 zones: addresses that mean something on one link only, in a network namespace with a link
//! of its own.

use std::collections::HashMap;
use std::process::{Command, Stdio};
use support::Folder;

/// Makes a link, serves on its link-local address and fetches from there in every way. Each fetch
/// prints `CASE EXIT`, and its output and messages follow.
const SCRIPT: &str = r##"
program=$1 folder=$2
ip link set lo up
ip link add va type veth peer name vb
ip addr add fe80::1/64 dev va nodad
ip addr add fe80::2/64 dev va nodad
ip link set va up
ip link set vb up
index=$(ip -o link show va | cut -d: -f1)
mkfifo "$folder/banner"
"$program" serve "$folder/site" -b 'fe80::1%va' -p 8080 --host-check h.test > "$folder/banner" 2>&1 &
server=$!
exec 3< "$folder/banner"
while read -r line <&3; do
  echo "# $line"
  case $line in *Ctrl-C*) break ;; esac
done
try() {
  name=$1
  shift
  "$program" "$@" > "$folder/out" 2>&1 < /dev/null
  echo "= $name $?"
  cat "$folder/out"
  echo
}
try encoded get -v 'http://[fe80::1%25va]:8080/a.txt'
try plain get -v 'http://[fe80::1%va]:8080/a.txt'
try bare get -v '[fe80::1%va]:8080/a.txt'
try number get -v "http://[fe80::1%25$index]:8080/a.txt"
try redirect get -v -L 'http://[fe80::1%25va]:8080/d'
try resolve get -v --resolve 'h.test:8080:[fe80::1%va]' http://h.test:8080/a.txt
try resolve-bare get -v --resolve 'h.test:8080:fe80::1%va' http://h.test:8080/a.txt
try connect-to get -v --connect-to '::[fe80::1%25va]:8080' http://h.test:8080/a.txt
try rule get -v --connect-to '[fe80::9]:81:[fe80::1%va]:8080' 'http://[fe80::9%va]:81/a.txt'
try proxy get -v -x 'http://[fe80::1%25va]:8080' http://h.test:8080/a.txt
try interface get -v --interface 'fe80::2%va' 'http://[fe80::1%va]:8080/a.txt'
try explain get --explain 'http://[fe80::1%va]:8080/a.txt'
try unknown get 'http://[fe80::1%25nope]:8080/a.txt'
try unknown-resolve get --resolve 'h.test:8080:[fe80::1%nope]' http://h.test:8080/a.txt
try unknown-bind serve "$folder/site" -b 'fe80::1%nope' -p 8081
try without get --connect-timeout 5 'http://[fe80::1]:8080/a.txt'
try addresses resolve -s 'fe80::1%va'
echo "index $index"
kill $server
wait $server
"##;

/// Whether this machine lets its users have namespaces, and has the tools; says so if not.
fn can_have_links() -> bool {
    let made = Command::new("unshare")
        .args(["-Urn", "ip", "link", "add", "va", "type", "veth"])
        .args(["peer", "name", "vb"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let can = made.is_ok_and(|status| status.success());
    if !can {
        eprintln!("skipped: no network namespaces for users here (unshare, ip, veth)");
    }
    can
}

#[test]
fn link_local_addresses_are_reached_in_their_zone() {
    if !can_have_links() {
        return;
    }
    let folder = Folder::new()
        .with("site/a.txt", "hello")
        .with("site/d/index.html", "index");
    let program = support::tinyhttp().get_program().to_owned();
    let output = Command::new("unshare")
        .args(["-Urn", "timeout", "120", "sh", "-c", SCRIPT, "sh"])
        .arg(program)
        .arg(folder.path())
        .env_remove("http_proxy")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("index "), "{text}\n{errors}");
    let index = text.rsplit("index ").next().unwrap().trim();
    let cases: HashMap<_, _> = text
        .split("\n= ")
        .skip(1)
        .map(|case| case.split_once(' ').unwrap())
        .collect();
    let host = "> Host: [fe80::1]:8080\n";
    let table = [
        ("encoded", "0", &["hello", host][..]),
        ("plain", "0", &["hello", host]),
        ("bare", "0", &["hello", host]),
        ("number", "0", &["hello", host]),
        ("redirect", "0", &["index", "> GET /d/ ", host]),
        ("resolve", "0", &["hello", "> Host: h.test:8080\n"]),
        ("resolve-bare", "0", &["hello", "> Host: h.test:8080\n"]),
        ("connect-to", "0", &["hello", "> Host: h.test:8080\n"]),
        ("rule", "0", &["hello", "> Host: [fe80::9]:81\n"]),
        ("proxy", "0", &["hello", "> GET http://h.test:8080/a.txt "]),
        ("interface", "0", &["hello", host]),
        ("explain", "0", &["nothing to look up"]),
        ("unknown", "7", &["no network interface \"nope\""]),
        ("unknown-resolve", "2", &["no network interface \"nope\""]),
        ("unknown-bind", "1", &["can't listen on fe80::1%nope"]),
        ("without", "7", &["could not connect"]),
        ("addresses", "0", &[&*format!("fe80::1%{index}\n")]),
    ];
    for (name, code, wants) in table {
        let case = cases[name];
        assert!(case.starts_with(&format!("{code}\n")), "{name} {case}");
        for want in wants {
            assert!(case.contains(want), "{name} {want:?} {case}");
        }
        let sent = case.lines().filter(|line| line.starts_with('>'));
        for line in sent {
            assert!(!line.contains('%'), "{name}: {line}");
        }
    }
    let url = format!("# http://[fe80::1%25{index}]:8080/\n");
    assert!(text.contains(&url), "{text}");
}
