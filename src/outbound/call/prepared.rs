//! A call that passed every check, and what the provider's data says about it.

use std::sync::Arc;

use jiff::Timestamp;

use crate::config::Account;
use crate::json::Object;
use crate::limits::AccountLimits;
use crate::provider::{CallClass, CodeMeaning, Normalised, Operation, ProviderAnswer};

/// A call that passed every check and waits to be signed.
pub(crate) struct PreparedCall<'a> {
    pub account: &'a Account,
    /// Taken once, like the account: a reload changes no call that is under way.
    pub limits: Arc<AccountLimits>,
    pub operation: &'a Operation,
    pub parameters: &'a Object<'a>,
}

impl PreparedCall<'_> {
    pub fn class(&self) -> CallClass {
        CallClass::of(self.operation)
    }

    /// What the `data` of a status query says about the call.
    pub fn reported(&self, data: &str, now: Timestamp) -> Option<Normalised> {
        self.account.provider.synthesise(self.operation, data, &self.account.reading(now, ""))
    }

    /// What the provider's answer to the call itself says about it; only for an accepted call whose answer says
    /// anything.
    pub fn reported_by(&self, answer: &ProviderAnswer, now: Timestamp) -> Option<Normalised> {
        let data = answer.data.as_deref().filter(|_| answer.meaning == CodeMeaning::Accepted)?;
        self.reported(data, now)
    }
}
