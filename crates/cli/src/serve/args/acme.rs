//! The flags for certificates by ACME.

use crate::serve::tls::Identifier;
use std::path::PathBuf;
use url::Url;

/// The flags for certificates by ACME.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct AcmeArgs {
    /// Serve HTTPS with a certificate for NAME that an ACME server issues (RFC 8555), Let's Encrypt
    /// unless --acme-directory names another one; repeatable
    ///
    /// Port 443 or port 80 of NAME must lead to this server: that is how the ACME server verifies
    /// NAME. It is answered on every port that the server listens on, by HTTPS (tls-alpn-01) and by
    /// plain HTTP (http-01); --tls-redirect opens port 80. A process of its own orders the
    /// certificates, keeps them in the user's state directory ($STATE_DIRECTORY,
    /// $XDG_STATE_HOME/tinyhttp or ~/.local/state/tinyhttp), and renews them when the ACME server
    /// suggests (RFC 9773), or when a third of their lifetime is left. Until there is one, clients
    /// get a certificate that is made here. After a failure the next try waits for two minutes,
    /// then for four, up to six hours, also if the server is restarted; SIGHUP tries at once.
    #[arg(
        long,
        value_name = "NAME",
        env = "TINYHTTP_ACME",
        value_delimiter = ',',
        group = "signed",
        conflicts_with_all = ["tls_cert", "tls_ca", "tls_ephemeral"],
        requires = "acme_accept_terms"
    )]
    pub(in crate::serve) acme: Vec<Identifier>,

    /// Accept the terms of service of the ACME server, which its directory names; --acme needs it
    #[arg(long, env = "TINYHTTP_ACME_ACCEPT_TERMS", requires = "acme")]
    pub(in crate::serve) acme_accept_terms: bool,

    /// Address to which the ACME server may write, about certificates that expire for example
    #[arg(long, value_name = "ADDRESS", env = "TINYHTTP_ACME_EMAIL", requires = "acme", value_parser = email)]
    pub(in crate::serve) acme_email: Option<String>,

    /// Directory of another ACME server. Let's Encrypt's for tests, whose certificates no browser
    /// trusts, is https://acme-staging-v02.api.letsencrypt.org/directory
    #[arg(
        long,
        value_name = "URL",
        env = "TINYHTTP_ACME_DIRECTORY",
        requires = "acme",
        default_value = LETS_ENCRYPT,
        value_parser = directory
    )]
    pub(in crate::serve) acme_directory: Url,

    /// Trust the certificates in FILE (PEM) when connecting to the ACME server, instead of this
    /// machine's
    #[arg(long, value_name = "FILE", env = "TINYHTTP_ACME_CA", requires = "acme")]
    pub(in crate::serve) acme_ca: Option<PathBuf>,
}

/// The directory of Let's Encrypt.
pub(in crate::serve) const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

fn directory(text: &str) -> Result<Url, String> {
    let url: Url = text
        .parse()
        .map_err(|error| format!("it is no URL: {error}"))?;
    match url.scheme() {
        "https" if url.has_host() => Ok(url),
        _ => Err("an ACME server speaks https: https://HOST/PATH".to_owned()),
    }
}

fn email(text: &str) -> Result<String, &'static str> {
    let text = text.strip_prefix("mailto:").unwrap_or(text);
    let is_ordinary = |character: char| {
        !character.is_control() && !character.is_whitespace() && !",?&;<>".contains(character)
    };
    let parts = text.rsplit_once('@');
    match parts {
        Some((user, host))
            if !user.is_empty() && !host.is_empty() && text.chars().all(is_ordinary) =>
        {
            Ok(text.to_owned())
        }
        _ => Err("expected one address such as me@example.org"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_directories() {
        for (text, expected) in [
            ("me@example.org", Some("me@example.org")),
            ("mailto:me@example.org", Some("me@example.org")),
            ("me", None),
            ("@example.org", None),
            ("me@", None),
            ("me@a.example,you@a.example", None),
            ("me@a.example?subject=x", None),
            ("m e@a.example", None),
            ("", None),
        ] {
            assert_eq!(email(text).ok().as_deref(), expected, "{text}");
        }
        for (text, is_one) in [
            (LETS_ENCRYPT, true),
            ("https://127.0.0.1:14000/dir", true),
            ("http://127.0.0.1/dir", false),
            ("acme.example", false),
            ("file:///x", false),
            ("", false),
        ] {
            assert_eq!(directory(text).is_ok(), is_one, "{text}");
        }
    }
}
