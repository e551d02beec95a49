//! Certificates, keys and settings from files.

use crate::failure::Failure;
use crate::serve::args::TlsArgs;
use crate::serve::named_file;
use std::io;
use std::path::Path;
use tinyhttp_server::{Identity, Tls, TlsError};

/// The longest file that is read: a chain of certificates takes a few KiB.
const LONGEST: u64 = 1024 * 1024;

/// Reads everything that the flags name.
pub(super) fn load(args: &TlsArgs) -> Result<Tls, Failure> {
    let (certificates, keys) = (&args.tls_cert, &args.tls_key);
    if !keys.is_empty() && keys.len() != certificates.len() {
        return Err(Failure::new(
            format!(
                "there are {} of --tls-cert and {} of --tls-key",
                certificates.len(),
                keys.len()
            ),
            "give each certificate its key, in the same order; or put each key into the file of its certificate",
        ));
    }
    if args.tls_ocsp.len() > certificates.len() {
        return Err(Failure::new(
            "there are more of --tls-ocsp than of --tls-cert",
            "give the response for each certificate, in the same order",
        ));
    }
    let mut tls = Tls::default();
    for (number, certificate) in certificates.iter().enumerate() {
        let key = keys.get(number).unwrap_or(certificate);
        let mut identity = identity(certificate, key)?;
        if let Some(response) = args.tls_ocsp.get(number) {
            identity = identity.with_ocsp(ocsp_response(response)?);
        }
        if args.hsts.is_some() && identity.is_self_signed() {
            return Err(Failure::new(
                format!(
                    "--hsts is not for {}: it is signed by its own key",
                    certificate.display()
                ),
                "browsers would refuse the site without a way around it; leave --hsts out",
            ));
        }
        tls = tls.with(identity);
    }
    with_settings(tls, args)
}

/// Adds what does not depend on the certificates.
pub(super) fn with_settings(mut tls: Tls, args: &TlsArgs) -> Result<Tls, Failure> {
    if let Some(path) = &args.tls_client_ca {
        let authorities = read("--tls-client-ca", path)?;
        let set = match args.tls_client_optional {
            true => tls.accept_client_certificate(&authorities),
            false => tls.require_client_certificate(&authorities),
        };
        tls = set.map_err(|error| {
            invalid(
                "--tls-client-ca",
                path,
                &error,
                "it takes certificates of authorities in PEM",
            )
        })?;
    }
    if let Some(path) = &args.tls_ticket_keys {
        let keys = read("--tls-ticket-keys", path)?;
        let hint = "openssl rand 48 > FILE makes a key";
        tls = tls
            .ticket_keys(&keys)
            .map_err(|error| invalid("--tls-ticket-keys", path, &error, hint))?;
    }
    Ok(tls)
}

/// Reads a certificate and its key.
fn identity(certificate: &Path, key: &Path) -> Result<Identity, Failure> {
    let chain = read("--tls-cert", certificate)?;
    let secret = read("--tls-key", key)?;
    Identity::from_pem(&chain, &secret).map_err(|error| match &error {
        TlsError::KeyMismatch => Failure::new(
            format!(
                "the key in {} does not belong to the certificate in {}",
                key.display(),
                certificate.display()
            ),
            "give each --tls-cert the --tls-key that it was made with; the server's own certificate comes first in its file",
        ),
        TlsError::EncryptedKey | TlsError::UnusableKey(_) => {
            invalid("--tls-key", key, &error, "it takes a private key in PEM")
        }
        TlsError::Missing { wanted, .. } if wanted.contains("key") => {
            invalid("--tls-key", key, &error, "it takes a private key in PEM")
        }
        TlsError::Expired(_) => {
            invalid("--tls-cert", certificate, &error, "renew it; --tls makes one for tests")
        }
        _ => invalid("--tls-cert", certificate, &error, "it takes certificates in PEM, the server's own first"),
    })
}

fn ocsp_response(path: &Path) -> Result<Vec<u8>, Failure> {
    let response = read("--tls-ocsp", path)?;
    // A SEQUENCE (RFC 6960 §4.2.1).
    if response.first() != Some(&0x30) {
        return Err(Failure::new(
            format!(
                "--tls-ocsp {}: it is no OCSP response in DER",
                path.display()
            ),
            "openssl ocsp -respout FILE writes one",
        ));
    }
    Ok(response)
}

/// Reads a file that a flag names.
fn read(flag: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    named_file::read(path, LONGEST).map_err(|error| unreadable(flag, path, &error))
}

fn unreadable(flag: &str, path: &Path, error: &io::Error) -> Failure {
    let (why, hint) = match error.kind() {
        io::ErrorKind::NotFound => (
            "there is no such file".to_owned(),
            match flag {
                "--tls-cert" | "--tls-key" => {
                    "check its name; --tls makes a certificate without files"
                }
                _ => "check its name",
            },
        ),
        io::ErrorKind::PermissionDenied => (
            "permission denied".to_owned(),
            "this user must be able to read it, or start the server as root with --user NAME",
        ),
        io::ErrorKind::IsADirectory => (error.to_string(), "name the file in it"),
        io::ErrorKind::FileTooLarge => (
            "it is longer than a MiB".to_owned(),
            "name a file with certificates",
        ),
        _ => (error.to_string(), "it must be a file that can be read"),
    };
    Failure::new(format!("{flag} {}: {why}", path.display()), hint)
}

fn invalid(flag: &str, path: &Path, error: &TlsError, hint: &str) -> Failure {
    Failure::new(format!("{flag} {}: {error}", path.display()), hint)
}
