//! A small crawler: follows the links of a site, and lists those that are broken.
//!
//! ```text
//! crawl URL [PAGES]        at most 100 pages unless given
//! ```
//!
//! The client keeps the connection, so that the whole site usually comes over one.

use std::collections::{HashSet, VecDeque};
use std::error::Error;
use std::io::Read;
use std::process::ExitCode;
use std::time::Duration;
use tinyhttp_client::url::Url;
use tinyhttp_client::{Client, RetryPolicy};

/// The most bytes of a page that are searched for links.
const LONGEST: u64 = 1024 * 1024;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let start = arguments.next().and_then(|text| Url::parse(&text).ok());
    let pages = arguments.next().map_or(Ok(100), |text| text.parse());
    let (Some(start), Ok(pages)) = (start, pages) else {
        eprintln!("usage: crawl URL [PAGES]");
        return ExitCode::from(2);
    };
    let policy = RetryPolicy::new(2).waits(Duration::from_millis(100), Duration::from_secs(2));
    let limit = Duration::from_secs(30);
    let client = Client::builder().retry(policy).timeout(limit).build();
    let mut known = HashSet::from([start.clone()]);
    let mut waiting = VecDeque::from([start]);
    let mut code = ExitCode::SUCCESS;
    for _ in 0..pages {
        let Some(url) = waiting.pop_front() else {
            break;
        };
        match links(&client, &url) {
            Ok(links) => {
                println!("{url}: {} links", links.len());
                waiting.extend(links.into_iter().filter(|link| known.insert(link.clone())));
            }
            Err(error) => {
                println!("{url}: BROKEN: {error}");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

/// The links of a page to its own site. Content that is not a page has none.
fn links(client: &Client, url: &Url) -> Result<Vec<Url>, Box<dyn Error>> {
    let response = client.get(url.as_str()).send()?.error_for_status()?;
    let media_type = response.header("Content-Type").unwrap_or_default();
    if !media_type.starts_with("text/html") {
        return Ok(Vec::new());
    }
    let (base, mut page) = (response.url().clone(), Vec::new());
    response.take(LONGEST).read_to_end(&mut page)?;
    let page = String::from_utf8_lossy(&page);
    let mut links = Vec::new();
    for rest in page.split("href=\"").skip(1) {
        let reference = rest.split('"').next().unwrap_or_default();
        if let Ok(mut link) = base.join(&reference.replace("&amp;", "&")) {
            link.set_fragment(None);
            if link.origin() == base.origin() {
                links.push(link);
            }
        }
    }
    Ok(links)
}
