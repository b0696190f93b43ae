//! Values that hold keys and secrets. Their errors say nothing about the text that was refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::config::read::{Kind, Wrong};
use crate::secret::Secret;
use crate::sign::{PrivateKey, PublicKey};

/// The shortest application token, in characters: shorter ones could be guessed.
const TOKEN_CHARACTERS_MIN: usize = 16;
/// The longest application token, in characters; it must fit into one header field.
const TOKEN_CHARACTERS_MAX: usize = 1024;
/// The prefix of every Standard Webhooks secret.
const DELIVERY_SECRET_PREFIX: &str = "whsec_";
/// Delivery secrets that may be in use at once: the old one, the new one, and spare ones for an interrupted rotation.
const DELIVERY_SECRETS_MAX: usize = 4;
/// Lengths of a Standard Webhooks secret, in bytes.
const DELIVERY_SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

impl Kind for PrivateKey {
    type Parsed = Self;

    const SECRET: bool = true;

    fn expected() -> String {
        "an RSA private key as PEM (PKCS#8 or PKCS#1) or as one line of base64".into()
    }

    fn parse(text: &str) -> Result<Self, Wrong> {
        PrivateKey::from_text(&Secret::new(text.into()))
            .map_err(|error| Wrong::Problem(error.to_string()))
    }
}

impl Kind for PublicKey {
    type Parsed = Self;

    const SECRET: bool = false;

    fn expected() -> String {
        "an RSA public key as PEM or as one line of base64".into()
    }

    fn parse(text: &str) -> Result<Self, Wrong> {
        PublicKey::from_text(text.as_bytes()).map_err(|error| Wrong::Problem(error.to_string()))
    }
}

/// The token that an application sends as `Authorization: Bearer …`.
pub(crate) struct AppToken;

kind!(AppToken -> Secret: app_token,
secret: true,
expected: format!(
    "{TOKEN_CHARACTERS_MIN} to {TOKEN_CHARACTERS_MAX} visible ASCII characters without blanks"
),
schema: {
    "type": "string",
    "minLength": TOKEN_CHARACTERS_MIN,
    "maxLength": TOKEN_CHARACTERS_MAX,
});

fn app_token(text: &str) -> Option<Secret> {
    let fits = (TOKEN_CHARACTERS_MIN..=TOKEN_CHARACTERS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| Secret::new(text.into()))
}

/// The decoded bytes of the secrets that sign deliveries: at least one secret, more during a rotation.
pub(crate) struct DeliverySecrets;

kind!(DeliverySecrets -> Vec<Secret>: delivery_secrets,
secret: true,
expected: format!(
    "`whsec_` and the base64 of 24 to 64 bytes, or up to {DELIVERY_SECRETS_MAX} of that with blanks between them"
),
schema: {
    "type": "string",
    "pattern": "^whsec_[A-Za-z0-9+/]+=*(\\s+whsec_[A-Za-z0-9+/]+=*)*$",
});

fn delivery_secrets(text: &str) -> Option<Vec<Secret>> {
    let secrets: Option<Vec<Secret>> = text.split_whitespace().map(delivery_secret).collect();
    secrets.filter(|secrets| (1..=DELIVERY_SECRETS_MAX).contains(&secrets.len()))
}

fn delivery_secret(text: &str) -> Option<Secret> {
    let encoded = text.strip_prefix(DELIVERY_SECRET_PREFIX)?;
    let secret = Secret::new(STANDARD.decode(encoded).ok()?);
    DELIVERY_SECRET_BYTES.contains(&secret.expose().len()).then_some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_tokens_are_refused() {
        for token in ["", "short", "fifteen-chars--", "with a blank in it", "mit-ümlaut-oder-so"] {
            assert!(AppToken::parse(token).is_err(), "`{token}` should be refused");
        }
        assert!(AppToken::parse("sixteen-chars---").is_ok());
    }

    #[test]
    fn delivery_secrets_are_standard_webhooks_secrets() {
        let encoded = |length: usize| format!("whsec_{}", STANDARD.encode(vec![7; length]));
        for secret in ["", "whsec_", "whsec_!", "secret", &encoded(23), &encoded(65)] {
            assert!(DeliverySecrets::parse(secret).is_err(), "`{secret}` should be refused");
        }
        let read = DeliverySecrets::parse(&encoded(24)).expect("24 bytes are enough");
        assert_eq!(read[0].expose(), [7; 24]);
    }

    #[test]
    fn several_delivery_secrets_are_allowed_during_a_rotation() {
        let one = format!("whsec_{}", STANDARD.encode([7; 24]));
        let read = DeliverySecrets::parse(&format!("{one} {one}")).expect("two secrets");
        assert_eq!(read.len(), 2);
        for wrong in [format!("{one} hush"), [one.as_str(); 5].join(" ")] {
            assert!(DeliverySecrets::parse(&wrong).is_err(), "`{wrong}` should be refused");
        }
    }
}
