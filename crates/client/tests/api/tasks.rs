//! The lines of docs/from-other-libraries.md with this library, a function for each task. They are
//! compiled, not run; tests/project/tasks.rs compares them with the document.

use std::collections::HashMap;
use std::time::Duration;
use tinyhttp_client::{Error, get};

type Note = HashMap<String, String>;

fn json(url: &str) -> Result<Note, Error> {
    let note: Note = get(url).send()?.error_for_status()?.json()?;
    Ok(note)
}

fn text(url: &str, limit: Duration) -> Result<String, Error> {
    let text = get(url).timeout(limit).send()?.error_for_status()?.text()?;
    Ok(text)
}
