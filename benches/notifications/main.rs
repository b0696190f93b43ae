//! What a notification costs on its way in and out, and what the store's share of that is.
//!
//! The release binary runs as its own process with a store on a real disk. Distinct notifications, signed before anything
//! is measured, are posted over 1, 8 and 64 keep-alive connections; the same ones with wrong signatures go through
//! everything but normalising and storing. Then the stored ones are delivered to an application that does nothing, and the
//! store alone is measured empty and with a million events. Smaller sizes: `cargo bench --bench notifications -- --help`.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "it measures real time")]

mod acknowledge;
mod deliver;
mod inbox;
mod signed;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;

use clap::Parser;

use signed::Provider;
use support::process::Sidecar;

/// Notifications per second, deliveries per second, and the store with a million events.
#[derive(Parser)]
struct Sizes {
    /// Notifications per number of connections; signing them takes a quarter of a millisecond each.
    #[arg(long, default_value_t = 15_000)]
    notifications: usize,
    /// Events in the large inbox; some 2.5 KB of disk each.
    #[arg(long, default_value_t = 1_000_000)]
    events: usize,
    /// What cargo adds.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    if support::is_only_a_test() {
        return;
    }
    let sizes = Sizes::parse();
    // Where the build is, because a system's temporary folder may be in memory, where a sync costs nothing.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let provider = Provider::new();
    std::fs::write(folder.path().join("provider.pub"), provider.public_pem()).expect("a key file");
    runtime.block_on(async {
        let stored = acknowledge::run(folder.path(), &provider, sizes.notifications).await;
        deliver::run(folder.path(), stored).await;
        inbox::run(folder.path(), sizes.events).await;
    });
}

/// A sidecar with one account, `bench`, its store in `folder`, and these lines of configuration for the account.
async fn sidecar(folder: &Path, delivery: &str) -> Sidecar {
    let config = format!(
        "[listen]\napp = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nnotify = \"127.0.0.1:0\"\n\n\
         [store]\nurl = \"sqlite:countersign.db\"\n\n[log]\nformat = \"json\"\nlevel = \"info\"\n\n\
         [[account]]\nname = \"bench\"\nprovider = \"bluepay\"\nbase_url = \"http://127.0.0.1:9\"\napp_id = \"bench\"\n\
         currency = \"THB\"\ntimezone = \"+07:00\"\n\
         [[account.signing_key]]\nid = \"bench\"\nprivate_key = {{ file = \"merchant.pem\" }}\n\
         [[account.provider_key]]\nid = \"bench\"\npublic_key = {{ file = \"provider.pub\" }}\n{delivery}"
    );
    Sidecar::start(folder, &config).await
}
