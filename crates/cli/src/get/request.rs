//! From the flags to a request.

use super::args::Args;
use crate::failure::Failure;
use http::{Method, Version};
use std::fs::File;
use std::io::{self, Read};
use tinyhttp_client::{Client, RequestBuilder};
use url::Url;

/// Content given with -d is held in memory; -T streams.
const DATA: u64 = 256 * 1024 * 1024;

/// The request that the flags ask for.
pub(super) fn build(args: &Args, client: &Client, url: &Url) -> Result<RequestBuilder, Failure> {
    let data = data(&args.data)?;
    let method = match &args.request {
        Some(method) => Method::from_bytes(method.as_bytes())
            .map_err(|_| Failure::with_code(2, format!("{method:?} is not a method")))?,
        None if args.head => Method::HEAD,
        None if data.is_some() => Method::POST,
        None => Method::GET,
    };
    let mut fields = Fields::default();
    fields.add_default(
        "User-Agent",
        concat!("tinyhttp/", env!("CARGO_PKG_VERSION")),
    );
    fields.add_default("Accept", "*/*");
    if data.is_some() {
        fields.add_default("Content-Type", "application/x-www-form-urlencoded");
    }
    for line in &args.header {
        fields.add_line(line)?;
    }
    let mut request = client
        .request(method, url.as_str())
        .version(Version::HTTP_11);
    for (name, value) in fields.0 {
        request = request.field(&name, value);
    }
    if let Some(data) = data {
        request = request.body(data);
    }
    Ok(request)
}

/// Fields in order. One that was given takes the place of the default.
#[derive(Default)]
struct Fields(Vec<(String, String)>);

impl Fields {
    fn add_default(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    fn add_line(&mut self, line: &str) -> Result<(), Failure> {
        let (name, value) = match line.split_once(':') {
            Some((name, value)) => (name, Some(value.trim()).filter(|value| !value.is_empty())),
            None => match line.strip_suffix(';') {
                Some(name) => (name, Some("")),
                None => {
                    return Err(Failure::with_code(2, format!("{line:?} is not a field"))
                        .hint("write it as 'Name: value'"));
                }
            },
        };
        let defaults = self
            .0
            .iter()
            .position(|(other, _)| other.eq_ignore_ascii_case(name));
        if let Some(index) = defaults {
            self.0.remove(index);
        }
        if let Some(value) = value {
            self.0.push((name.to_owned(), value.to_owned()));
        }
        Ok(())
    }
}

/// All that was given with -d, joined as a form is.
fn data(given: &[String]) -> Result<Option<Vec<u8>>, Failure> {
    let mut joined: Option<Vec<u8>> = None;
    for item in given {
        let piece = match item.strip_prefix('@') {
            // As curl does, so that a text file can be sent as a form.
            Some(path) => {
                let mut bytes = read(path)?;
                bytes.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
                bytes
            }
            None => item.clone().into_bytes(),
        };
        match &mut joined {
            None => joined = Some(piece),
            Some(joined) => {
                joined.push(b'&');
                joined.extend(piece);
            }
        }
    }
    Ok(joined)
}

fn read(path: &str) -> Result<Vec<u8>, Failure> {
    let failed =
        |error: io::Error| Failure::with_code(26, format!("could not read {path}: {error}"));
    let mut bytes = Vec::new();
    let source: Box<dyn Read> = if path == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(failed)?)
    };
    source
        .take(DATA + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > DATA {
        return Err(
            Failure::with_code(26, format!("{path} is longer than {DATA} bytes"))
                .hint("send it with -T, which doesn't hold it in memory"),
        );
    }
    Ok(bytes)
}
