//! The two things the crypto library's safe interface leaves out: RSA-SHA1 signatures and a signature's digest.
//!
//! `aws-lc-rs` verifies SHA-1 signatures but makes none, and some providers of the family still require them; and
//! `explain` needs the digest a signature was made over. Both call the same library one level down. This is the only
//! unsafe code of this folder, and no path that signs with SHA-256 or SHA-512, or verifies, uses it.
#![expect(unsafe_code, reason = "calls of a C library")]

use std::ptr::NonNull;

use aws_lc_sys as lc;

/// Signs a SHA-1 `digest` (20 bytes) with the key of `pkcs1`, a DER `RSAPrivateKey`. The key is parsed for every
/// signature and freed again, so no second copy of it lives longer than the call.
pub(super) fn sign_sha1(pkcs1: &[u8], digest: &[u8]) -> Option<Vec<u8>> {
    let key = Rsa::private(pkcs1)?;
    let mut signature = vec![0; key.signature_bytes()];
    let mut written: std::os::raw::c_uint = 0;
    // SAFETY: `RSA_sign` writes at most `RSA_size` bytes to `signature`, which is that long, and reads `digest.len()`
    // bytes of `digest`. `key` is alive and not shared.
    let done = unsafe {
        lc::RSA_sign(
            lc::NID_sha1,
            digest.as_ptr(),
            digest.len(),
            signature.as_mut_ptr(),
            &mut written,
            key.0.as_ptr(),
        )
    };
    (done == 1 && usize::try_from(written) == Ok(signature.len())).then_some(signature)
}

/// The DigestInfo inside `signature` if it was made by the private half of `pkcs1`, a DER `RSAPublicKey`.
pub(super) fn recover_digest_info(pkcs1: &[u8], signature: &[u8]) -> Option<Vec<u8>> {
    let key = Rsa::public(pkcs1)?;
    let mut info = vec![0; key.signature_bytes()];
    let mut written: usize = 0;
    // SAFETY: `RSA_verify_raw` writes at most `max_out` bytes to `info`, which is that long, and reads
    // `signature.len()` bytes of `signature`. `key` is alive and not shared.
    let done = unsafe {
        lc::RSA_verify_raw(
            key.0.as_ptr(),
            &mut written,
            info.as_mut_ptr(),
            info.len(),
            signature.as_ptr(),
            signature.len(),
            lc::RSA_PKCS1_PADDING,
        )
    };
    if done != 1 {
        return None;
    }
    info.truncate(written);
    Some(info)
}

/// A key that the library allocated and this value owns.
struct Rsa(NonNull<lc::RSA>);

impl Rsa {
    fn private(pkcs1: &[u8]) -> Option<Self> {
        // SAFETY: reads `pkcs1.len()` bytes of `pkcs1`; returns null or a key that we own.
        NonNull::new(unsafe { lc::RSA_private_key_from_bytes(pkcs1.as_ptr(), pkcs1.len()) })
            .map(Self)
    }

    fn public(pkcs1: &[u8]) -> Option<Self> {
        // SAFETY: reads `pkcs1.len()` bytes of `pkcs1`; returns null or a key that we own.
        NonNull::new(unsafe { lc::RSA_public_key_from_bytes(pkcs1.as_ptr(), pkcs1.len()) })
            .map(Self)
    }

    fn signature_bytes(&self) -> usize {
        // SAFETY: only reads the key, which is alive.
        usize::try_from(unsafe { lc::RSA_size(self.0.as_ptr()) }).unwrap_or(0)
    }
}

impl Drop for Rsa {
    fn drop(&mut self) {
        // SAFETY: the key came from the library, is owned by this value alone and is not used after this.
        unsafe { lc::RSA_free(self.0.as_ptr()) }
    }
}
