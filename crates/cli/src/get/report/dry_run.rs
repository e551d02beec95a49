//! `--dry-run`: the request that would be sent, without its secrets.

use crate::failure::Failure;
use crate::get::failure::write_failure;
use crate::get::output::progress::Bar;
use crate::get::output::terminal::{self, Console};
use crate::get::request::content::Content;
use crate::get::request::spec::RequestSpec;
use std::io::Write;
use tinyhttp_client::Client;

/// Shows the request's bytes: the head, and content that is in memory. Content from elsewhere is
/// named on stderr.
pub(in crate::get) fn show(
    spec: &RequestSpec,
    client: &Client,
    console: Console,
    bar: &Bar,
) -> Result<(), Failure> {
    let head = spec.request(client, &Bar::hidden())?.preview()?;
    let head = super::redact::head(&head);
    let mut out = if console.is_readable {
        terminal::head(&head, console.stdout_colour).into_bytes()
    } else {
        head
    };
    let elsewhere = match &spec.content {
        Content::None => None,
        Content::Bytes(bytes) if console.is_readable => {
            let text = String::from_utf8_lossy(bytes);
            out.extend(crate::visible::visible(&text).to_string().into_bytes());
            out.push(b'\n');
            None
        }
        Content::Bytes(bytes) => {
            out.extend(bytes);
            None
        }
        Content::Form(form) => Some(match form.body().length() {
            Some(length) => format!("a form of {length} bytes"),
            None => "a form whose length is not known yet".to_owned(),
        }),
        Content::File { path, offset: 0 } => Some(format!("the file {}", path.display())),
        Content::File { path, offset } => {
            let path = path.display();
            Some(format!("the file {path} from byte {offset} on"))
        }
        Content::Stdin => Some("standard input".to_owned()),
    };
    std::io::stdout()
        .write_all(&out)
        .map_err(|error| write_failure("to standard output", &error))?;
    if let Some(content) = elsewhere {
        bar.note(&format!("the content would follow: {content}"));
    }
    Ok(())
}
