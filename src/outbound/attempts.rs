//! The attempt loop: sign, send, classify, and decide whether to go again.
//!
//! Every attempt is signed anew, because the timestamp stands inside the signed text; the ids stay. Today a call is made
//! once: whatever may be repeated needs the journal first, and its decision belongs in [`run`].

use std::time::Instant;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_TYPE};

use super::Outbound;
use super::classify::{Verdict, classify};
use crate::config::Account;
use crate::json::Object;
use crate::metrics::Phase;
use crate::provider::{FillContext, Operation};
use crate::sign::SignError;
use crate::wire::{AnswerBody, Call};

/// A call that passed every check and waits to be signed.
pub(super) struct PreparedCall<'a> {
    pub account: &'a Account,
    pub operation: &'a Operation,
    pub parameters: &'a Object<'a>,
}

/// What came of a call, and how many attempts it took. An attempt is a try to reach the provider, also one that finds no
/// connection; without a signature there is none.
pub(super) struct Exchange {
    pub attempts: u32,
    pub verdict: Verdict,
}

/// Makes the call.
pub(super) async fn run(outbound: &Outbound, call: &PreparedCall<'_>) -> Exchange {
    let body = match sign(outbound, call).await {
        Ok(body) => body,
        Err(verdict) => return Exchange { attempts: 0, verdict },
    };
    let verdict = send(outbound, call, body).await;
    outbound
        .metrics
        .upstream_attempts
        .with_label_values(&[
            &call.account.name,
            &call.operation.name,
            verdict.attempt_result().as_str(),
        ])
        .inc();
    Exchange { attempts: 1, verdict }
}

/// The complete signed request body, with the time of this very attempt in it.
async fn sign(outbound: &Outbound, call: &PreparedCall<'_>) -> Result<Bytes, Verdict> {
    let account = call.account;
    let now = outbound.clock.now();
    let key = account.signing_keys.usable_at(now).ok_or(Verdict::NoUsableKey)?;
    let context =
        FillContext { unix_ms: now.as_millisecond(), notify_url: account.notify_url.as_deref() };
    let additions = call.operation.additions(call.parameters, &context);
    let text =
        call.parameters.splice(additions.iter().map(|(name, value)| (*name, value.as_str())));
    let recipe = &account.provider.request;
    let unsigned = recipe.prepare(&account.app_id, text);
    let started = Instant::now();
    let signature = outbound.signers.sign(key.clone(), recipe.hash(), unsigned.message()).await;
    outbound.metrics.observe_phase(Phase::Sign, started.elapsed().as_secs_f64());
    let signature = signature.map_err(|error| match error {
        SignError::QueueFull => Verdict::SigningQueueFull,
        SignError::Failed => Verdict::SigningFailed,
    })?;
    outbound
        .metrics
        .key_last_used
        .with_label_values(&[&account.name, &key.id])
        .set(now.as_second() as f64);
    Ok(unsigned.finish(&signature))
}

/// Sends the signed body and reads what comes back.
async fn send(outbound: &Outbound, call: &PreparedCall<'_>, body: Bytes) -> Verdict {
    let json = HeaderValue::from_static("application/json");
    let wire_call = Call {
        path: call.operation.path.clone(),
        headers: vec![(CONTENT_TYPE, json.clone()), (ACCEPT, json)],
        body,
        answer_body: AnswerBody::Needed,
    };
    let account = call.account;
    let started = Instant::now();
    let sent = outbound.upstream.send(&account.target, wire_call, account.timeouts).await;
    outbound.metrics.observe_phase(Phase::Upstream, started.elapsed().as_secs_f64());
    classify(&account.provider, sent)
}
