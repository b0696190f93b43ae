//! Sets up the demonstration: sandbox, sidecar and application, each with its own sockets.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::application::Application;
use super::folder::Folder;
use crate::app::{Build, Sidecar};
use crate::cli::version::{COMMIT, VERSION};
use crate::clock::Clock;
use crate::config::{self, Address, demo};
use crate::mistake::Mistake;
use crate::provider::Provider;
use crate::sandbox::{Running, Sandbox};

/// How long a payout is pending at the sandbox: long enough to be seen, short enough to wait for.
const SETTLE_AFTER: Duration = Duration::from_millis(300);

/// `whsec_` and the base64 of 32 bytes that are not secret.
const DELIVERY_SECRET: &str = "whsec_Y291bnRlcnNpZ24tZGVtb25zdHJhdGlvbi1zZWNyZXQ=";

/// Everything that runs.
pub(super) struct Stage {
    pub sandbox: Running,
    pub application: Application,
    /// Base URLs of the sidecar's listeners.
    pub app: String,
    pub notify: String,
    pub admin: String,
    shutdown: watch::Sender<bool>,
    sidecar: JoinHandle<()>,
    /// Last, so that it is removed when nothing uses it any more.
    _folder: Folder,
}

impl Stage {
    pub async fn set_up() -> Result<Self, String> {
        let provider = Provider::builtin("bluepay").ok_or("the built-in profile is missing")?;
        let mut sandbox = Sandbox::demo(Arc::new(provider))?;
        sandbox.settle_after = SETTLE_AFTER;
        let sandbox = sandbox.start().await;
        let sandbox = sandbox.map_err(|error| format!("the sandbox could not listen: {error}"))?;
        let folder = Folder::create().map_err(|error| format!("a temporary folder: {error}"))?;
        let (shutdown, stopping) = watch::channel(false);
        let application = Application::start(stopping.clone())?;
        let text = configuration(&sandbox.base_url(), &application.url(), &folder);
        let loaded = config::load_text(&text).map_err(in_one_line)?;
        let build = Build { version: VERSION, commit: COMMIT };
        let sidecar =
            Sidecar::open(loaded, Clock::System, build).map_err(|error| error.to_string())?;
        let app = url(Some(sidecar.app_address()))?;
        let admin = url(Some(sidecar.admin_address()))?;
        let notify = url(sidecar.notify_address())?;
        application.use_sidecar(sidecar.app_address());
        sandbox.set_payout_notify_url(demo::APP_ID, &format!("{notify}/shop-th"))?;
        let sidecar = tokio::spawn(sidecar.serve(stopping));
        Ok(Self { sandbox, application, app, notify, admin, shutdown, sidecar, _folder: folder })
    }

    /// Ends everything. An orderly stop is not needed here: what was stored is thrown away.
    pub async fn clear(self) {
        let _ = self.shutdown.send(true);
        self.sidecar.abort();
        let _ = self.sidecar.await;
    }
}

fn url(address: Option<&Address>) -> Result<String, String> {
    match address {
        Some(Address::Tcp(address)) => Ok(format!("http://{address}")),
        Some(Address::Unix(_)) | None => Err("the demonstration listens on TCP".to_owned()),
    }
}

fn in_one_line(mistakes: Vec<Mistake>) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn configuration(base_url: &str, application: &str, folder: &Folder) -> String {
    let (app_id, private_key) = (demo::APP_ID, demo::MERCHANT_PRIVATE_KEY);
    let public_key = demo::PROVIDER_PUBLIC_KEY.trim();
    let store = folder.path().join("countersign.db");
    format!(
        r#"
[listen]
app = "127.0.0.1:0"
notify = "127.0.0.1:0"
admin = "127.0.0.1:0"

[store]
url = "sqlite:{store}"

[[account]]
name = "shop-th"
provider = "bluepay"
base_url = "{base_url}"
app_id = "{app_id}"
currency = "THB"
timezone = "+07:00"

[account.timeouts]
total = "2s"

[[account.signing_key]]
id = "demo"
private_key = """{private_key}"""

[[account.provider_key]]
id = "demo"
public_key = "{public_key}"

[account.delivery]
url = "{application}/payments"
secret = "{DELIVERY_SECRET}"
"#,
        store = store.display()
    )
}
