//! `countersign run`: the sidecar.

use std::sync::Arc;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::version::{COMMIT, VERSION};
use super::{CommandError, ConfigFile, Exit};
use crate::app::{Build, Sidecar};
use crate::clock::Clock;
use crate::config::{self, Tracing};
use crate::edge::signals::Hangups;
use crate::edge::{self, PingoraUpstream};
use crate::logging::{self, Also};
use crate::trace;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    file: ConfigFile,
}

pub fn run(args: &Args) -> Result<Exit, CommandError> {
    leave_no_core_dumps();
    let hangups = Hangups::keep().map_err(|error| {
        CommandError::failed(format!("signals cannot be listened for: {error}"))
    })?;
    let loaded = config::load(&args.file.config)?;
    let tracing = loaded.boot.tracing.clone().map(export_traces).transpose()?;
    logging::install(loaded.boot.log.format, &loaded.boot.log.level, tracing);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let (accounts, hash) = (loaded.snapshot.accounts.len(), loaded.snapshot.hash.clone());
    let build = Build { version: VERSION, commit: COMMIT };
    let sidecar = Sidecar::open(loaded, Clock::System, build)
        .map_err(|error| CommandError::failed(error.to_string()))?;
    tracing::info!(listener = "admin", address = %sidecar.admin_address(), "listening");
    if let Some(notify) = sidecar.notify_address() {
        tracing::info!(listener = "notify", address = %notify, "listening");
    }
    tracing::info!(listener = "app", address = %sidecar.app_address(), "listening");
    tracing::info!(version = VERSION, commit = COMMIT, accounts, configuration = hash, "started");
    sidecar
        .run(hangups)
        .map_err(|error| CommandError::failed(format!("the sidecar could not be run: {error}")))?;
    Ok(Exit::Done)
}

fn export_traces(settings: Tracing) -> Result<Also, CommandError> {
    edge::install_crypto_provider();
    trace::start(settings, Arc::new(PingoraUpstream::default()))
        .map_err(|error| CommandError::failed(format!("traces cannot be exported: {error}")))
}

/// A core dump would contain every key. The limit is 1 byte and not 0: the kernel ignores 0 when dumps are piped to a
/// handler, while 1 means "no dump" in both cases.
fn leave_no_core_dumps() {
    let limit = Rlimit { current: Some(1), maximum: Some(1) };
    if let Err(error) = setrlimit(Resource::Core, limit) {
        eprintln!("warning: core dumps could not be switched off: {error}");
    }
}
