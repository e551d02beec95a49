//! Six typical programs, next to the same ones with ureq 3, as its documentation writes them and as
//! they are compiled in tests/bench/libraries.
//!
//! Both are formatted by rustfmt, and none of ours has more lines. ureq makes an error of a status
//! of 400 or more by itself; here that is `error_for_status`.

use crate::server::{Seen, Server, response};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;
use tinyhttp_client::{Client, RetryPolicy};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
type Values = HashMap<String, String>;

fn get_text(url: &str) -> Outcome<String> {
    let response = tinyhttp_client::get(url).send()?.error_for_status()?;
    Ok(response.text()?)
}

fn get_json(url: &str, language: &str) -> Outcome<Values> {
    let request = tinyhttp_client::get(url).query("lang", language);
    Ok(request.send()?.error_for_status()?.json()?)
}

fn post_json(url: &str, token: &str, note: &Values) -> Outcome<Values> {
    let request = tinyhttp_client::post(url).bearer_auth(token);
    let request = request.timeout(Duration::from_secs(5)).json(note);
    Ok(request.send()?.error_for_status()?.json()?)
}

fn post_form(url: &str, user: &str, password: &str) -> Outcome<u16> {
    let request = tinyhttp_client::post(url).basic_auth(user, password);
    let response = request.form([("title", "Milk"), ("text", "2 l")]).send()?;
    Ok(response.status().as_u16())
}

fn download(url: &str, path: &Path) -> Outcome<u64> {
    let mut response = tinyhttp_client::get(url).send()?.error_for_status()?;
    let mut file = File::create(path)?;
    Ok(io::copy(&mut response, &mut file)?)
}

fn upload_patiently(url: &str, path: &Path) -> Outcome<()> {
    let retries = RetryPolicy::new(3);
    let client = Client::builder().timeout(Duration::from_secs(60));
    let client = client.retry(retries).build();
    let request = client.put(url).body(tinyhttp_client::Body::file(path)?);
    request.send()?.error_for_status()?;
    Ok(())
}

/// The number of lines of a function.
fn lines(source: &str, name: &str) -> usize {
    let start = source.find(&format!("\nfn {name}(")).unwrap();
    let end = source[start..].find("\n}\n").unwrap();
    source[start..start + end].lines().count()
}

#[test]
fn programs_are_as_short_as_with_ureq() {
    let ours = include_str!("programs.rs");
    let ureq = include_str!("../../../../tests/bench/libraries/examples/programs_ureq.rs");
    let names = "get_text get_json post_json post_form download upload_patiently";
    for name in names.split(' ') {
        let (own, other) = (lines(ours, name), lines(ureq, name));
        assert!(own <= other, "{name}: {own} lines, {other} with ureq");
    }
}

#[test]
fn programs_work() {
    let note = |seen: &Seen| match seen.head.split(' ').next() {
        Some("GET") if seen.head.contains("lang") => "{\"hello\":\"bonjour\"}".to_owned(),
        Some("GET") => "hello".to_owned(),
        _ => seen.text(),
    };
    let server = Server::new(move |_, seen| Some(response("200 OK", "", &note(seen))));
    let url = server.url("/");
    let folder =
        std::env::temp_dir().join(format!("tinyhttp-client-programs-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("file");
    assert_eq!(get_text(&url).unwrap(), "hello");
    assert_eq!(get_json(&url, "fr").unwrap()["hello"], "bonjour");
    let values = Values::from([("a".to_owned(), "b".to_owned())]);
    assert_eq!(post_json(&url, "t", &values).unwrap(), values);
    assert_eq!(post_form(&url, "u", "p").unwrap(), 200);
    assert_eq!(download(&url, &path).unwrap(), 5);
    upload_patiently(&url, &path).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let seen = server.seen();
    assert_eq!(seen[2].field("Authorization"), Some("Bearer t"));
    assert_eq!(seen[3].field("Authorization"), Some("Basic dTpw"));
    assert_eq!(
        (seen[5].text(), seen[5].field("Content-Length")),
        ("hello".into(), Some("5"))
    );
    let missing = Server::fixed("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    assert!(get_text(&missing.url("/")).is_err());
}
