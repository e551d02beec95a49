//! Signed requests: JSON Web Signatures (RFC 7515) with ECDSA P-256, as ACME uses them (RFC 8555
//! §6.2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt;

/// The key of an account. It signs all requests.
pub(super) struct AccountKey {
    pair: EcdsaKeyPair,
    pkcs8: Vec<u8>,
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the key.
        f.debug_struct("AccountKey").finish_non_exhaustive()
    }
}

impl AccountKey {
    /// Makes a key. `None` if the system has no randomness.
    pub(super) fn generate() -> Option<Self> {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).ok()?;
        AccountKey::from_pkcs8(pkcs8.as_ref())
    }

    /// Reads a key in DER (PKCS #8). `None` if it is damaged, or of another kind.
    pub(super) fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random).ok()?;
        Some(AccountKey {
            pair,
            pkcs8: der.to_vec(),
        })
    }

    /// The key in DER (PKCS #8), to be kept.
    pub(super) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public key (RFC 7518 §6.2).
    pub(super) fn jwk(&self) -> Value {
        // An uncompressed point: 4, x, y.
        let point = self.pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        json!({"crv": "P-256", "kty": "EC", "x": base64url(x), "y": base64url(y)})
    }

    /// What a challenge is answered with: its token, bound to this account (RFC 8555 §8.1).
    pub(super) fn key_authorization(&self, token: &str) -> String {
        format!("{token}.{}", thumbprint(&self.jwk()))
    }

    /// Signs a payload: a request's content. `None` if the system has no randomness.
    pub(super) fn sign(&self, protected: &Value, payload: &[u8]) -> Option<String> {
        let protected = base64url(protected.to_string().as_bytes());
        let payload = base64url(payload);
        let input = format!("{protected}.{payload}");
        let signature = self
            .pair
            .sign(&SystemRandom::new(), input.as_bytes())
            .ok()?;
        let object = json!({
            "protected": protected,
            "payload": payload,
            "signature": base64url(signature.as_ref()),
        });
        Some(object.to_string())
    }
}

/// The SHA-256 of a public key (RFC 7638): of the members that define it, in their order.
fn thumbprint(jwk: &Value) -> String {
    let members: &[&str] = match jwk["kty"].as_str() {
        Some("RSA") => &["e", "kty", "n"],
        _ => &["crv", "kty", "x", "y"],
    };
    let members = members.iter();
    let members: Vec<String> = members
        .map(|name| format!("\"{name}\":{}", jwk[name]))
        .collect();
    base64url(&Sha256::digest(format!("{{{}}}", members.join(","))))
}

/// Base64 in the alphabet for URLs, without padding (RFC 7515 §2).
pub(super) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes [`base64url`].
pub(super) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    /// Whether a signature is that of a key.
    fn verifies(jwk: &Value, object: &Value) -> bool {
        let part = |value: &Value| from_base64url(value.as_str().unwrap()).unwrap();
        let point = [vec![4], part(&jwk["x"]), part(&jwk["y"])].concat();
        let text = |name: &str| object[name].as_str().unwrap().to_owned();
        let input = format!("{}.{}", text("protected"), text("payload"));
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        key.verify(input.as_bytes(), &part(&object["signature"]))
            .is_ok()
    }

    /// RFC 7515 appendix A.3.
    #[test]
    fn the_example_of_the_rfc_verifies() {
        let jwk = json!({
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        });
        let object = json!({
            "protected": "eyJhbGciOiJFUzI1NiJ9",
            "payload": "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
                        cGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
            "signature": "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA\
                          pmWQxfKTUJqPP3-Kg6NU1Q",
        });
        assert!(verifies(&jwk, &object));
    }

    /// RFC 7638 §3.1.
    #[test]
    fn the_thumbprint_of_the_rfc() {
        let jwk = json!({
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tS\
                  oc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65\
                  YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyr\
                  dkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK\
                  nqDKgw",
            "e": "AQAB",
            "alg": "RS256",
            "kid": "2011-04-29",
        });
        assert_eq!(
            thumbprint(&jwk),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
    }

    #[test]
    fn a_key_signs_and_is_kept() {
        let key = AccountKey::generate().unwrap();
        let again = AccountKey::from_pkcs8(key.pkcs8()).unwrap();
        assert_eq!(again.jwk(), key.jwk());
        let protected = json!({"alg": "ES256", "nonce": "n", "url": "u", "kid": "k"});
        // RFC 8555 §6.3: POST-as-GET has no content, and a challenge that is ready has `{}`.
        for (payload, encoded) in [(&b""[..], ""), (b"{}", "e30")] {
            let signed: Value =
                serde_json::from_str(&again.sign(&protected, payload).unwrap()).unwrap();
            assert_eq!(signed["payload"], encoded);
            let header = from_base64url(signed["protected"].as_str().unwrap()).unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&header).unwrap(), protected);
            assert!(verifies(&key.jwk(), &signed));
            assert_eq!(signed.as_object().unwrap().len(), 3);
        }
        let token = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA";
        let authorization = key.key_authorization(token);
        assert_eq!(authorization, format!("{token}.{}", thumbprint(&key.jwk())));
        assert!(AccountKey::from_pkcs8(b"damaged").is_none());
        assert!(!format!("{key:?}").contains("pkcs8"));
    }
}
