//! Project Wycheproof's RSA PKCS#1 v1.5 verification vectors, every set of a hash and a size that we accept.
//!
//! Wycheproof has no such set for SHA-1 and none for signing; SHA-1 and signing are compared with `openssl` instead.

use wycheproof::TestResult;
use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};

use crate::sign::{Hash, PublicKey};

const SETS: [(TestName, Hash); 8] = [
    (TestName::Rsa2048Sha256, Hash::Sha256),
    (TestName::Rsa2048Sha512, Hash::Sha512),
    (TestName::Rsa3072Sha256, Hash::Sha256),
    (TestName::Rsa3072Sha512, Hash::Sha512),
    (TestName::Rsa4096Sha256, Hash::Sha256),
    (TestName::Rsa4096Sha512, Hash::Sha512),
    (TestName::Rsa8192Sha256, Hash::Sha256),
    (TestName::Rsa8192Sha512, Hash::Sha512),
];

#[test]
fn we_agree_with_every_wycheproof_verdict() {
    let mut checked = 0;
    for (name, hash) in SETS {
        let set = TestSet::load(name).expect("the vectors are compiled in");
        for group in set.test_groups {
            let from_pem = PublicKey::from_text(group.pem.as_bytes()).expect("the group's PEM key");
            assert_eq!(from_pem.bits(), group.key_size);
            assert_eq!(from_pem.spki_der(), &group.der[..], "our DER of the key is theirs");
            for test in group.tests {
                let verified = from_pem.verify(hash, &test.msg, &test.sig);
                let case = format!("{name:?} test {}: {}", test.tc_id, test.comment);
                match test.result {
                    TestResult::Valid => assert!(verified, "{case} should verify"),
                    TestResult::Invalid => assert!(!verified, "{case} should be refused"),
                    // A DigestInfo without its NULL: either verdict is allowed; we accept only the usual form.
                    TestResult::Acceptable => assert!(!verified, "{case} should be refused"),
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 1000, "only {checked} vectors were read");
}
