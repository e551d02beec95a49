//! The flags for HTTPS.

use super::acme::AcmeArgs;
use std::path::PathBuf;

/// The flags for HTTPS.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "HTTPS")]
pub(crate) struct TlsArgs {
    /// Serve HTTPS with a certificate that is made here, for localhost, this machine's names and
    /// the addresses that it listens on
    ///
    /// The key is made once and kept in the user's state directory ($STATE_DIRECTORY,
    /// $XDG_STATE_HOME/tinyhttp or ~/.local/state/tinyhttp), so that its pin stays valid. Browsers
    /// warn about the certificate, because no authority that they know has signed it. The banner
    /// prints its fingerprint, and commands that need no warning.
    #[arg(long, env = "TINYHTTP_TLS")]
    pub(in crate::serve) tls: bool,

    /// Make a new key at each start, and keep nothing. Implies --tls
    #[arg(long, env = "TINYHTTP_TLS_EPHEMERAL", conflicts_with_all = ["tls_ca", "tls_cert"])]
    pub(in crate::serve) tls_ephemeral: bool,

    /// Sign the certificate with a local authority, which is made once; devices that trust it show
    /// no warning. Implies --tls
    ///
    /// The authority can only vouch for private names and addresses (localhost, *.local, *.lan,
    /// *.home.arpa, *.internal, *.test, 10.0.0.0/8, 192.168.0.0/16 and the like), and for this
    /// machine's name. Its certificate is served at /.tinyhttp/authority.crt: open that page on a
    /// phone, compare the fingerprint with the banner's, and install it.
    #[arg(long, env = "TINYHTTP_TLS_CA", conflicts_with = "tls_cert")]
    pub(in crate::serve) tls_ca: bool,

    /// Serve HTTPS with the certificate in FILE (PEM), followed by its intermediates; repeatable
    ///
    /// Each client gets the certificate with the most specific name that it asked for, and the
    /// first one if none has that name. FILE and its key are read again at SIGHUP, and half a
    /// second after they have changed; if that fails, the old certificate stays, and the log says
    /// why. With --user, root reads the files at the start, and the user later.
    #[arg(
        long,
        value_name = "FILE",
        env = "TINYHTTP_TLS_CERT",
        value_delimiter = ',',
        group = "signed"
    )]
    pub(in crate::serve) tls_cert: Vec<PathBuf>,

    /// Private key (PEM) of a certificate, in the order of --tls-cert; without it, the key is in
    /// the file of the certificate
    #[arg(
        long,
        value_name = "FILE",
        env = "TINYHTTP_TLS_KEY",
        value_delimiter = ',',
        requires = "tls_cert"
    )]
    pub(in crate::serve) tls_key: Vec<PathBuf>,

    /// OCSP response (DER) for a certificate, in the order of --tls-cert, sent in the handshake
    #[arg(
        long,
        value_name = "FILE",
        env = "TINYHTTP_TLS_OCSP",
        value_delimiter = ',',
        requires = "tls_cert"
    )]
    pub(in crate::serve) tls_ocsp: Vec<PathBuf>,

    /// Admit only clients with a certificate of an authority in FILE (PEM). Implies --tls
    ///
    /// The subject of a client's certificate stands in the log in the place of the user. A FILE
    /// that can't be read is an error at the start; later, the old one stays.
    #[arg(long, value_name = "FILE", env = "TINYHTTP_TLS_CLIENT_CA")]
    pub(in crate::serve) tls_client_ca: Option<PathBuf>,

    /// Admit clients without a certificate, too
    #[arg(long, env = "TINYHTTP_TLS_CLIENT_OPTIONAL", requires = "tls_client_ca")]
    pub(in crate::serve) tls_client_optional: bool,

    /// Also listen for plain HTTP on PORT, 80 unless given, and redirect to HTTPS. Implies --tls
    ///
    /// Plain HTTP on the port of HTTPS is redirected in any case.
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "80", env = "TINYHTTP_TLS_REDIRECT")]
    pub(in crate::serve) tls_redirect: Option<u16>,

    /// Tell browsers to use HTTPS only for SECONDS, a year unless given (Strict-Transport-Security)
    ///
    /// Browsers then refuse the site if its certificate is wrong, with no way around it. Needs a
    /// certificate that is not signed by its own key; with --acme, the field is sent once every
    /// NAME has one.
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "31536000",
        env = "TINYHTTP_HSTS",
        requires = "signed"
    )]
    pub(in crate::serve) hsts: Option<u32>,

    /// Encrypt session tickets with the keys in FILE, 48 random bytes each, so that servers with
    /// the same FILE resume each other's sessions
    ///
    /// openssl rand 48 makes one. The first key encrypts, all of them decrypt; FILE is read again
    /// as certificates are. Without this flag, the keys are random and change every six hours.
    #[arg(long, value_name = "FILE", env = "TINYHTTP_TLS_TICKET_KEYS")]
    pub(in crate::serve) tls_ticket_keys: Option<PathBuf>,

    #[command(flatten)]
    pub(in crate::serve) acme: AcmeArgs,
}

impl TlsArgs {
    /// Whether the server speaks HTTPS.
    pub(in crate::serve) fn is_on(&self) -> bool {
        self.is_made_here() || !self.tls_cert.is_empty() || self.uses_acme()
    }

    /// Whether the certificate is made here.
    pub(in crate::serve) fn is_made_here(&self) -> bool {
        let implied = self.tls_client_ca.is_some()
            || self.tls_redirect.is_some()
            || self.tls_ticket_keys.is_some();
        let has_others = !self.tls_cert.is_empty() || self.uses_acme();
        !has_others && (self.tls || self.tls_ephemeral || self.tls_ca || implied)
    }

    /// Whether certificates are ordered.
    pub(in crate::serve) fn uses_acme(&self) -> bool {
        !self.acme.acme.is_empty()
    }

    /// The files of flags that are read again.
    pub(in crate::serve) fn files(&self) -> Vec<PathBuf> {
        let lists = [&self.tls_cert, &self.tls_key, &self.tls_ocsp];
        let single = [&self.tls_client_ca, &self.tls_ticket_keys];
        let lists = lists.into_iter().flatten();
        lists.chain(single.into_iter().flatten()).cloned().collect()
    }
}
