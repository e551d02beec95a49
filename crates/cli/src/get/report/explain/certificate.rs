//! What TLS agreed on, and the server's certificate.

use super::page::Page;
use tinyhttp_client::HttpDate;
use tinyhttp_client::trace::{Hop, TlsFacts};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

pub(super) fn describe(page: &mut Page, tls: &TlsFacts, hop: &Hop) {
    let since = hop.timings.tunnel.or(hop.timings.connected);
    let took = hop
        .timings
        .secured
        .zip(since)
        .map(|(to, from)| to.saturating_sub(from));
    page.heading("   Shake hands (TLS)", took);
    page.row(
        "version",
        &tls.version,
        match (tls.version.as_str(), tls.is_resumed) {
            (_, true) => "with the secrets of an earlier connection (RFC 8446 §2.2)",
            ("TLS 1.3", _) => "one round trip (RFC 8446)",
            _ => "two round trips (RFC 5246)",
        },
    );
    page.row(
        "cipher",
        &tls.cipher,
        "the cipher that keeps the bytes secret and intact",
    );
    page.row("key exchange", &tls.group, "the key exchange");
    if let Some(protocol) = &tls.alpn {
        page.row(
            "protocol",
            protocol,
            "the protocol inside TLS, agreed on by ALPN (RFC 7301)",
        );
    }
    let parsed = tls
        .certificates
        .first()
        .and_then(|der| X509Certificate::from_der(der).ok());
    if let Some((_, certificate)) = parsed {
        let names = names(&certificate).join(", ");
        page.row("certificate", &names, "the names it is good for (RFC 9525)");
        let issuer = certificate.issuer().to_string();
        page.row(
            "issued by",
            &issuer,
            "the authority that signed it (RFC 5280 §4.1.2.4)",
        );
        let validity = certificate.validity();
        let until = HttpDate::from_unix_seconds(validity.not_after.timestamp());
        page.row("valid until", &until.to_string(), "");
    }
    let (verdict, why) = match tls.is_verified {
        true => (
            "trusted",
            "name and dates fit, and a trusted authority has signed it",
        ),
        false => ("not verified", "-k trusts every certificate"),
    };
    page.row("", verdict, why);
}

/// The names that the certificate is good for.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return vec![certificate.subject().to_string()];
    };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes)
                .ok()
                .map(|octets| std::net::Ipv4Addr::from(octets).to_string()),
            16 => <[u8; 16]>::try_from(*bytes)
                .ok()
                .map(|octets| std::net::Ipv6Addr::from(octets).to_string()),
            _ => None,
        },
        _ => None,
    };
    extension
        .value
        .general_names
        .iter()
        .filter_map(name)
        .collect()
}
