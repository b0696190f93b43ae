//! Keys and recipes for the tests of this folder. Keys are made once in each test run: a private key in the
//! repository would sooner or later be used in production.

use std::sync::OnceLock;

use crate::sign::recipe::{Algorithm, Encoding, EnvelopeMember, EnvelopeValue, Placement, Source};
use crate::sign::{Hash, PrivateKey, RequestRecipe, VerifyRecipe};

pub(crate) fn first() -> &'static PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(|| PrivateKey::generate(2048).expect("a key"))
}

pub(crate) fn second() -> &'static PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(|| PrivateKey::generate(2048).expect("a key"))
}

/// For tests that need to own a key.
pub(crate) fn another_copy_of_first() -> PrivateKey {
    PrivateKey::from_text(&first().to_pkcs8_pem()).expect("our own PEM")
}

pub(crate) fn member(name: &str, value: EnvelopeValue) -> EnvelopeMember {
    EnvelopeMember { name: name.into(), value }
}

/// The envelope that the built-in profile describes: the text of `param` is signed.
pub(crate) fn request_recipe() -> RequestRecipe {
    RequestRecipe {
        message: vec![Source::JsonStringMember("param".into())],
        algorithm: Algorithm::RsaPkcs1v15(Hash::Sha256),
        encoding: Encoding::Base64,
        envelope: vec![
            member("appId", EnvelopeValue::ClientId),
            member("sign", EnvelopeValue::Signature),
            member("param", EnvelopeValue::ParametersAsString),
        ],
    }
}

pub(crate) fn verify_recipe() -> VerifyRecipe {
    VerifyRecipe {
        message: vec![Source::JsonStringMember("param".into())],
        algorithm: Algorithm::RsaPkcs1v15(Hash::Sha256),
        encoding: Encoding::Base64,
        placement: Placement::JsonMember("sign".into()),
    }
}

/// A body in the provider's format: `param` carried as a string, signed by `key`.
pub(crate) fn signed_body(key: &PrivateKey, param: &str) -> Vec<u8> {
    let unsigned = request_recipe().prepare("app-1", param.to_owned());
    let signature = key.sign(Hash::Sha256, &unsigned.message());
    unsigned.finish(&signature).to_vec()
}
