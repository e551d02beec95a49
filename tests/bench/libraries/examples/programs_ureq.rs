//! Six typical programs with ureq; crates/client/tests/api/programs.rs has the same ones, and
//! counts the lines of both. ureq has no policy for retries, so the last one loops.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;
use ureq::Agent;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
type Values = HashMap<String, String>;

fn get_text(url: &str) -> Outcome<String> {
    let text = ureq::get(url).call()?.body_mut().read_to_string()?;
    Ok(text)
}

fn get_json(url: &str, language: &str) -> Outcome<Values> {
    let request = ureq::get(url).query("lang", language);
    Ok(request.call()?.body_mut().read_json()?)
}

fn post_json(url: &str, token: &str, note: &Values) -> Outcome<Values> {
    let request = ureq::post(url).header("Authorization", format!("Bearer {token}"));
    let limit = Some(Duration::from_secs(5));
    let request = request.config().timeout_global(limit).build();
    Ok(request.send_json(note)?.body_mut().read_json()?)
}

fn post_form(url: &str, user: &str, password: &str) -> Outcome<u16> {
    let login = BASE64_STANDARD.encode(format!("{user}:{password}"));
    let request = ureq::post(url).header("Authorization", format!("Basic {login}"));
    let response = request.send_form([("title", "Milk"), ("text", "2 l")])?;
    Ok(response.status().as_u16())
}

fn download(url: &str, path: &Path) -> Outcome<u64> {
    let mut response = ureq::get(url).call()?;
    let mut file = File::create(path)?;
    Ok(io::copy(&mut response.body_mut().as_reader(), &mut file)?)
}

fn upload_patiently(url: &str, path: &Path) -> Outcome<()> {
    let config = Agent::config_builder().timeout_global(Some(Duration::from_secs(60)));
    let agent: Agent = config.build().into();
    let mut retries = 0;
    while let Err(error) = agent.put(url).send(File::open(path)?) {
        if retries == 3 {
            return Err(error.into());
        }
        thread::sleep(Duration::from_secs(1 << retries));
        retries += 1;
    }
    Ok(())
}

fn main() -> Outcome<()> {
    let url = std::env::args().nth(1).ok_or("usage: programs_ureq URL")?;
    let (path, values) = (Path::new("download"), Values::new());
    println!("{}", get_text(&url)?);
    println!("{:?}", get_json(&url, "fr")?);
    println!("{:?}", post_json(&url, "token", &values)?);
    println!("{}", post_form(&url, "ann", "secret")?);
    println!("{}", download(&url, path)?);
    upload_patiently(&url, path)
}
