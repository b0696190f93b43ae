//! The program under test and its surroundings: the real program as a process, a scripted provider that shares no
//! code with it, and a raw HTTP client.

pub mod canaries;
pub mod config;
pub mod counting;
pub mod faults;
pub mod http;
pub mod mount;
pub mod notification;
pub mod openssl;
pub mod provider;
pub mod sandbox;
pub mod sidecar;
pub mod tiny_disk;

pub use config::ConfigBuilder;
pub use faults::Faults;
pub use mount::Mount;
pub use provider::{Action, Provider};
pub use sidecar::Sidecar;

/// The application's JSON for a payout that is valid by the provider's documentation; `amount` in minor units.
pub fn payout(reference: &str, amount: u64) -> String {
    format!(
        r#"{{"mchOrderId":"{reference}","amount":{amount},"payMethodCode":"PROMPTPAY","promptpayAccountType":"MSISDN","accountNo":"0812345678"}}"#
    )
}

/// Checks every few milliseconds until `done`, for up to a minute.
#[track_caller]
pub fn wait_until(what: &str, done: impl FnMut() -> bool) {
    wait_until_within(60, what, done);
}

/// The same for slower conditions.
#[track_caller]
pub fn wait_until_within(seconds: usize, what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..seconds * 100 {
        if done() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("{what} did not happen");
}
