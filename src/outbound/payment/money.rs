//! What a call uses of its account's money per hour.

use std::sync::Arc;

use crate::clock::instant;
use crate::limits::{MoneyBudget, MoneyRefused, Reserved};
use crate::outbound::call::prepared::PreparedCall;
use crate::provider::MemberType;

/// Money set aside for a call: given back when this is dropped, unless it was spent. A refund needs none.
pub(super) struct Money {
    budget: Arc<MoneyBudget>,
    reserved: Option<Reserved>,
    is_spent: bool,
}

impl Money {
    /// Sets aside what `call` needs.
    ///
    /// # Errors
    /// When not enough of the account's money for this hour is left.
    pub fn reserve(call: &PreparedCall<'_>) -> Result<Self, MoneyRefused> {
        let budget = call.limits.money.clone();
        let reserve = |minor| budget.reserve(minor, instant());
        let reserved = counted_minor(call).map(reserve).transpose()?;
        Ok(Self { budget, reserved, is_spent: false })
    }

    /// The call was begun: from now on its money counts as spent, unless the call turns out to have moved none.
    pub fn spend(&mut self) {
        self.is_spent = true;
    }

    /// The call is made again: its money counts as spent now.
    ///
    /// # Errors
    /// When it does not fit now; it then counts as before.
    pub fn renew(&mut self) -> Result<(), MoneyRefused> {
        if let Some(reserved) = self.reserved {
            self.reserved = Some(self.budget.renew(reserved, instant())?);
        }
        Ok(())
    }

    /// The call provably moved no money.
    pub fn give_back(mut self) {
        self.is_spent = false;
    }
}

impl Drop for Money {
    fn drop(&mut self) {
        if let Some(reserved) = self.reserved.filter(|_| !self.is_spent) {
            self.budget.give_back(reserved);
        }
    }
}

/// The call's amount in minor units, whatever unit the provider counts in.
pub(super) fn amount_minor(call: &PreparedCall<'_>) -> Option<i64> {
    let mut members = call.operation.members.iter();
    let amount = members.find(|member| member.member_type == MemberType::Amount)?;
    let member = call.parameters.member(&amount.name)?;
    call.account.provider.minor_units(member.raw, call.account.currency.as_deref())
}

/// How much of it counts against the account's money, in minor units; a refund counts nothing.
pub(super) fn counted_minor(call: &PreparedCall<'_>) -> Option<u64> {
    let amount = amount_minor(call).filter(|_| !call.operation.gives_back)?;
    u64::try_from(amount).ok()
}
