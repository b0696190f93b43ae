//! The demo merchant and the sandbox provider: published keys, for loopback only.

/// The application id of the demo merchant at the sandbox.
pub const APP_ID: &str = "countersign-demo-app";
/// The demo merchant's private key, PKCS#8 PEM.
pub const MERCHANT_PRIVATE_KEY: &str = include_str!("../../config/demo/merchant.pem");
/// The demo merchant's public key, one-line base64.
pub const MERCHANT_PUBLIC_KEY: &str = include_str!("../../config/demo/merchant.pub");
/// The sandbox provider's private key, PKCS#8 PEM.
pub const PROVIDER_PRIVATE_KEY: &str = include_str!("../../config/demo/provider.pem");
/// The sandbox provider's public key, one-line base64.
pub const PROVIDER_PUBLIC_KEY: &str = include_str!("../../config/demo/provider.pub");
/// The private key that the sandbox provider rolls over to, PKCS#8 PEM.
pub const NEXT_PROVIDER_PRIVATE_KEY: &str = include_str!("../../config/demo/provider-next.pem");
/// The matching public key, one-line base64.
pub const NEXT_PROVIDER_PUBLIC_KEY: &str = include_str!("../../config/demo/provider-next.pub");

const APP_TOKEN: &str = include_str!("../../config/demo/app-token");
const DELIVERY_SECRET: &str = include_str!("../../config/demo/delivery-secret");

/// Whether `text` is published with the source code anyway, so that hiding its file protects nothing.
pub(super) fn is_published(text: &str) -> bool {
    [
        MERCHANT_PRIVATE_KEY,
        PROVIDER_PRIVATE_KEY,
        NEXT_PROVIDER_PRIVATE_KEY,
        APP_TOKEN,
        DELIVERY_SECRET,
    ]
    .iter()
    .any(|published| published.trim_end() == text.trim_end())
}

/// Whether `public_key` (one-line base64) belongs to the demo merchant or to the sandbox provider.
pub(super) fn is_demo_key(public_key: &str) -> bool {
    [MERCHANT_PUBLIC_KEY, PROVIDER_PUBLIC_KEY, NEXT_PROVIDER_PUBLIC_KEY]
        .iter()
        .any(|demo| demo.trim_end() == public_key.trim_end())
}
