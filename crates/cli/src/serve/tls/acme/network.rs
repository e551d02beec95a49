//! Requests over the network, with the client of this project.

use super::error::AcmeError;
use super::order::Answer;
use super::session::{Http, Reply};
use http::{Method, header};
use std::io::Read;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tinyhttp_client::{Client, Error, HttpDate, Response, TlsOptions, retry};

/// The most content that is read: a chain of certificates takes a few KiB.
const LONGEST: u64 = 256 * 1024;

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The network.
pub(super) struct Network {
    client: Client,
}

impl Network {
    /// Trusts the certificates in `ca` instead of the machine's.
    pub(super) fn new(ca: Option<&Path>) -> Self {
        let mut options = TlsOptions::default();
        options.ca_file = ca.map(Path::to_owned);
        let client = Client::builder()
            .tls(options)
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT / 2)
            // Redirects would change what was signed.
            .max_redirects(0)
            .build();
        Network { client }
    }
}

impl Http for Network {
    fn send(
        &mut self,
        method: &str,
        url: &str,
        content: Option<String>,
    ) -> Result<Reply, AcmeError> {
        if !url.starts_with("https://") {
            let what = format!("the ACME server named {url}, which is not https");
            return Err(AcmeError::of_directory(what, "check --acme-directory"));
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
        let mut request = self.client.request(method, url);
        if let Some(content) = content {
            request = request
                .header(header::CONTENT_TYPE, "application/jose+json")
                .body(content);
        }
        let response = request.send();
        response
            .and_then(reply)
            .map_err(|error| failed(url, &error))
    }

    fn wait(&mut self, time: Duration) {
        std::thread::sleep(time);
    }
}

fn reply(mut response: Response) -> Result<Reply, Error> {
    let text = |name: &str| response.field(name).map(str::to_owned);
    let now = HttpDate::from(SystemTime::now());
    let mut reply = Reply {
        status: response.status().as_u16(),
        nonce: text("replay-nonce"),
        answer: Answer {
            location: text("location"),
            retry_after: retry::retry_after(response.fields(), now),
            content: Vec::new(),
        },
    };
    let content = response.by_ref().take(LONGEST + 1);
    let mut content = content;
    content
        .read_to_end(&mut reply.answer.content)
        .map_err(|error| {
            Error::from_io(error).unwrap_or_else(|source| Error::Content { source })
        })?;
    match reply.answer.content.len() as u64 > LONGEST {
        true => Err(Error::TooLarge { limit: LONGEST }),
        false => Ok(reply),
    }
}

fn failed(url: &str, error: &Error) -> AcmeError {
    let hint = match error {
        Error::Tls { .. } => {
            "if a private authority has signed its certificate, name that authority with --acme-ca"
        }
        Error::Resolve { .. } => "check --acme-directory, and the name servers of this machine",
        _ => "check --acme-directory, and that this machine may connect to it",
    };
    AcmeError {
        is_transient: true,
        ..AcmeError::of_directory(
            format!("the ACME server can't be reached at {url}: {error}"),
            hint,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_is_spoken() {
        let mut network = Network::new(None);
        for url in ["http://127.0.0.1:1/", "ftp://a/", "file:///etc/passwd", ""] {
            let error = network.send("GET", url, None).unwrap_err();
            assert!(error.what.contains("not https"), "{error}");
        }
    }
}
