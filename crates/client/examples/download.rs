//! Downloads a file: retries failures, resumes up to five times, and shows its progress.
//!
//! `download URL FILE`

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::time::Duration;
use tinyhttp_client::retry::{Continuation, Validator, continuation};
use tinyhttp_client::{Client, Error, Response, RetryPolicy};

fn main() {
    if let Err(error) = download() {
        eprintln!("download: {error}");
        std::process::exit(1);
    }
}

fn download() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, path] = &arguments[..] else {
        return Err("usage: download URL FILE".into());
    };
    let policy = RetryPolicy::new(4).waits(Duration::from_millis(200), Duration::from_secs(10));
    let client = Client::builder().retry(policy).decompress(false).build();
    let mut file = File::create(path)?;
    let mut version = None;
    for _ in 0..=5 {
        let transfer = begin(&client, url, &mut file, &mut version)
            .and_then(|mut response| save(&mut response, &mut file));
        match transfer.map_err(Error::from_io) {
            Ok(length) => {
                println!("{path}: {length} bytes");
                return Ok(());
            }
            Err(Ok(error)) if error.is_transient() => eprintln!("\n{error}"),
            Err(error) => return Err(error.map_or_else(Into::into, Into::into)),
        }
    }
    Err("the transfer stopped again and again".into())
}

/// Asks for the rest of the file if its version is known, otherwise for everything.
fn begin(
    client: &Client,
    url: &str,
    file: &mut File,
    version: &mut Option<Validator>,
) -> io::Result<Response> {
    let done = file.stream_position()?;
    let mut request = client.get(url);
    if let Some(version) = version.as_ref().filter(|_| done > 0) {
        request = request.header("Range", format!("bytes={done}-"));
        request = request.header("If-Range", version.as_str());
    }
    let response = request.send()?.error_for_status()?;
    let (status, fields) = (response.status(), response.headers());
    match continuation(status, fields, done, None, version.as_ref()) {
        Continuation::Append { .. } => {}
        Continuation::Restart => {
            file.set_len(0).and_then(|()| file.rewind())?;
            *version = Validator::of(fields);
        }
        other => return Err(io::Error::other(format!("no file: {status}, {other:?}"))),
    }
    Ok(response)
}

fn save(response: &mut Response, file: &mut File) -> io::Result<u64> {
    let length = response.header("Content-Length").unwrap_or("?").to_owned();
    let (mut done, mut buffer) = (0, vec![0; 64 * 1024]);
    loop {
        let read = response.read(&mut buffer)?;
        file.write_all(&buffer[..read])?;
        done += read;
        eprint!("\r{done} of {length} bytes");
        if read == 0 {
            return file.stream_position();
        }
    }
}
