//! What the engine needs to know about a provider: one [`Dialect`] for each, in its own folder beside the engine.
//!
//! A dialect reads and answers requests, decides what they do, and writes and signs notifications. It gets whole heads
//! and bodies, because a signature may be in a header or a parameter in the query; its codes may be numbers or words.

use serde_json::{Map, Value};

use super::http::client::{Answered, Message};
use super::http::head::Head;
use super::keys::ProviderKey;
use super::settings::Sandbox;
use super::state::Ledger;
use super::transaction::{Change, Product, Status, Transaction};
use crate::provider::Operation;
use crate::wire::Reply;

/// One provider's protocol.
pub trait Dialect: Send + Sync {
    /// The method by which `operation` is called.
    fn method(&self, operation: &Operation) -> &'static str;

    /// Checks a request and finds the caller and the parameters. Slow: it verifies a signature. The error is the answer
    /// to a request that is refused.
    fn verify(&self, sandbox: &Sandbox, request: &Request<'_>) -> Result<Verified, Box<Answer>>;

    /// Carries out a request that was checked.
    fn perform(&self, call: &mut Call<'_>) -> Answer;

    /// The answer to an accepted call that returns nothing.
    fn accepted(&self, sandbox: &Sandbox) -> Reply;

    /// The answer with a code that a test requests, or with one that the dialect chooses.
    ///
    /// # Errors
    /// What a code must look like instead.
    fn error(
        &self,
        sandbox: &Sandbox,
        code: Option<&Value>,
        message: &str,
    ) -> Result<Reply, String>;

    /// The provider's word for a status.
    fn status_word(&self, product: Product, status: Status) -> &'static str;

    /// The parameter of a request with the address for its notifications. `None` where requests have none, and the
    /// address is configured with the provider.
    fn notify_member(&self, product: Product) -> Option<&'static str>;

    /// Whether the provider sends a notification when a transaction of this kind has reached `status`.
    fn reports(&self, product: Product, status: Status) -> bool;

    /// The notification for `report`. `None` when the provider has none for such a transaction.
    fn notification(&self, report: &Report<'_>) -> Option<Text>;

    /// What is posted for the notification `text`. Slow: it signs.
    ///
    /// # Errors
    /// Why it cannot be signed.
    fn seal(&self, text: &str, signature: Signature<'_>, flaws: Flaws) -> Result<Message, String>;

    /// Whether `answered` acknowledges a notification.
    fn acknowledges(&self, answered: &Answered) -> bool;
}

/// A request to an operation, not checked yet.
pub struct Request<'a> {
    pub operation: &'a Operation,
    pub head: &'a Head,
    pub body: &'a [u8],
    /// Unix milliseconds.
    pub now_ms: i64,
}

/// A request that passed every check.
#[derive(Debug)]
pub struct Verified {
    pub app_id: String,
    pub parameters: Map<String, Value>,
}

/// A request that passed every check, and everything it may touch.
pub struct Call<'a> {
    pub sandbox: &'a Sandbox,
    /// The operation's name.
    pub operation: &'a str,
    pub parameters: &'a Map<String, Value>,
    pub ledger: Ledger<'a>,
    /// Unix milliseconds.
    pub now_ms: i64,
}

/// The honest answer to a request.
pub struct Answer {
    pub reply: Reply,
    /// The provider's code in it, for the request log; `None` where the answer has none.
    pub code: Option<Value>,
    /// The message with the code.
    pub message: Option<String>,
}

/// The content of a notification.
#[derive(Clone, Copy)]
pub struct Report<'a> {
    pub sandbox: &'a Sandbox,
    pub transaction: &'a Transaction,
    /// The status reported, and when it was reached; not always the newest.
    pub change: Change,
    /// Instead of the event name that belongs to the status.
    pub event: Option<&'a str>,
    /// Instead of the provider's word for the status.
    pub word: Option<&'a str>,
}

/// A notification as the provider writes it.
pub struct Text {
    /// The event name.
    pub event: String,
    /// The exact text that is signed.
    pub text: String,
}

/// The content of a notification's signature member.
pub enum Signature<'k> {
    /// The signature that this key makes.
    By(&'k ProviderKey),
    Given(&'k str),
    Missing,
}

/// How a notification is damaged.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flaws {
    /// The text is changed after it was signed.
    pub is_tampered: bool,
    /// The text is sent under a different name from the documented one.
    pub is_misnamed: bool,
}
