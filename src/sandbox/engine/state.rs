//! What happened at the sandbox: every merchant's transactions and balance.
//!
//! A merchant's calls see them through a [`Ledger`]. A status changes in one place only, [`State::change`]: money moves
//! there, and changes are kept there until they become notifications. Time comes in as an argument; a transaction that
//! is due settles before the next request is handled.

use std::collections::{BTreeSet, HashMap};

use super::transaction::{Change, Product, Status, Transaction};

/// The most transactions kept; a forgotten load test must end in an error and not fill the machine's memory.
pub const TRANSACTIONS_MAX: usize = 500_000;

/// Every merchant's transactions and money.
#[derive(Default)]
pub struct State {
    /// What every merchant has at the start, in minor units.
    balance_at_start: i64,
    /// What merchants have now, by app id, once it has changed.
    balances: HashMap<String, i64>,
    transactions: Vec<Transaction>,
    /// (app id, product, reference) → place in `transactions`; the merchant's ids are unique per product.
    references: HashMap<(String, Product, String), usize>,
    /// (app id, idempotency id) → place.
    idempotency_ids: HashMap<(String, String), usize>,
    transaction_ids: HashMap<String, usize>,
    /// (Unix ms, place): what settles when.
    due: BTreeSet<(i64, usize)>,
    /// Changes that were not reported yet, by place.
    changes: Vec<(usize, Change)>,
}

/// The state as one merchant application sees it.
pub struct Ledger<'s> {
    state: &'s mut State,
    app_id: &'s str,
}

/// Why a transaction cannot be opened.
#[derive(Debug, PartialEq, Eq)]
pub enum CannotOpen {
    /// There are [`TRANSACTIONS_MAX`] already.
    Full,
    /// The merchant's balance is not sufficient.
    Unfunded,
}

impl State {
    pub fn new(balance_at_start: i64) -> Self {
        Self { balance_at_start, ..Self::default() }
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        *self = Self::new(self.balance_at_start);
    }

    /// Settles what is due at `now_ms` (Unix milliseconds).
    pub fn settle(&mut self, now_ms: i64) {
        while let Some(&(at, place)) = self.due.first().filter(|(at, _)| *at <= now_ms) {
            self.due.pop_first();
            if let Transaction { status: Status::Pending, settles: Some((_, status)), .. } =
                self.transactions[place]
            {
                self.change(place, status, at);
            }
        }
    }

    /// When (Unix milliseconds) the next transaction settles.
    pub fn next_due_ms(&self) -> Option<i64> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Every change since the last time, with the transaction as it is now.
    pub fn take_changes(&mut self) -> impl Iterator<Item = (&Transaction, Change)> {
        let changes = std::mem::take(&mut self.changes);
        changes.into_iter().map(|(place, change)| (&self.transactions[place], change))
    }

    /// What `app_id` sees.
    pub fn ledger<'s>(&'s mut self, app_id: &'s str) -> Ledger<'s> {
        Ledger { state: self, app_id }
    }

    /// All transactions, oldest first.
    pub fn transactions(&self) -> &[Transaction] {
        &self.transactions
    }

    /// The one place where a status changes.
    fn change(&mut self, place: usize, status: Status, at_ms: i64) {
        let transaction = &mut self.transactions[place];
        transaction.status = status;
        transaction.history.push(Change { status, at_ms });
        self.changes.push((place, Change { status, at_ms }));
        let amount = transaction.amount.unwrap_or(0);
        let moved = match (transaction.product.spends(), status) {
            // Outgoing money is held back from the start and given back when the transaction fails.
            (true, Status::Pending) => amount.saturating_neg(),
            (true, Status::Failed | Status::Cancelled) => amount,
            (false, Status::Completed) => amount,
            (true, Status::Completed) => 0,
            (false, Status::Pending | Status::Failed | Status::Cancelled) => 0,
        };
        let balance =
            self.balances.entry(transaction.app_id.clone()).or_insert(self.balance_at_start);
        *balance = balance.saturating_add(moved);
    }
}

impl Ledger<'_> {
    /// Minor units.
    pub fn balance(&self) -> i64 {
        self.state.balances.get(self.app_id).copied().unwrap_or(self.state.balance_at_start)
    }

    /// Whether the merchant has used `reference` for `product` before; the transaction then counts that it was seen again.
    pub fn has_seen(&mut self, product: Product, reference: &str) -> bool {
        self.count_seen(self.place(product, reference))
    }

    /// The same for an idempotency id.
    pub fn has_seen_idempotency_id(&mut self, id: &str) -> bool {
        let key = (self.app_id.to_string(), id.to_string());
        self.count_seen(self.state.idempotency_ids.get(&key).copied())
    }

    /// Opens a pending transaction whose `transaction_id` begins with `id_prefix`. Fills in what the ledger decides.
    ///
    /// # Errors
    /// When there are too many transactions or there is not enough money.
    pub fn open(
        &mut self,
        draft: Transaction,
        id_prefix: &str,
        now_ms: i64,
    ) -> Result<Transaction, CannotOpen> {
        let place = self.state.transactions.len();
        if place >= TRANSACTIONS_MAX {
            return Err(CannotOpen::Full);
        }
        if draft.product.spends() && draft.amount.unwrap_or(0) > self.balance() {
            return Err(CannotOpen::Unfunded);
        }
        let (serial, app_id) = (place as u64 + 1, self.app_id.to_string());
        let transaction = Transaction {
            serial,
            app_id: app_id.clone(),
            transaction_id: format!("{id_prefix}{now_ms:013}{serial:06}"),
            created_at_ms: now_ms,
            seen: 1,
            ..draft
        };
        let state = &mut *self.state;
        let reference = (app_id.clone(), transaction.product, transaction.reference.clone());
        state.references.insert(reference, place);
        state.transaction_ids.insert(transaction.transaction_id.clone(), place);
        if let Some(id) = &transaction.idempotency_id {
            state.idempotency_ids.insert((app_id, id.clone()), place);
        }
        state.due.extend(transaction.settles.map(|(at, _)| (at, place)));
        state.transactions.push(transaction);
        state.change(place, Status::Pending, now_ms);
        Ok(state.transactions[place].clone())
    }

    /// Ends a transaction that is still open: a cancel, or a void that is done at once.
    pub fn end(&mut self, transaction_id: &str, status: Status, now_ms: i64) {
        if let Some(&place) = self.state.transaction_ids.get(transaction_id) {
            self.state.change(place, status, now_ms);
        }
    }

    pub fn by_reference(&self, product: Product, reference: &str) -> Option<&Transaction> {
        self.place(product, reference).map(|place| &self.state.transactions[place])
    }

    pub fn by_transaction_id(&self, transaction_id: &str) -> Option<&Transaction> {
        let place = *self.state.transaction_ids.get(transaction_id)?;
        Some(&self.state.transactions[place]).filter(|it| it.app_id == self.app_id)
    }

    /// Every transaction of `product`, oldest first.
    pub fn of(&self, product: Product) -> impl Iterator<Item = &Transaction> {
        let all = self.state.transactions.iter();
        all.filter(move |it| it.product == product && it.app_id == self.app_id)
    }

    fn place(&self, product: Product, reference: &str) -> Option<usize> {
        let key = (self.app_id.to_string(), product, reference.to_string());
        self.state.references.get(&key).copied()
    }

    fn count_seen(&mut self, place: Option<usize>) -> bool {
        if let Some(place) = place {
            self.state.transactions[place].seen += 1;
        }
        place.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::super::transaction::Product::{Payout, Qr};
    use super::*;

    fn state() -> State {
        State::new(1_000)
    }

    fn open(
        state: &mut State,
        product: Product,
        reference: &str,
        amount: i64,
    ) -> Option<CannotOpen> {
        let draft = Transaction {
            product,
            reference: reference.to_string(),
            amount: Some(amount),
            settles: Some((100, Status::Completed)),
            ..Transaction::default()
        };
        state.ledger("app").open(draft, "", 0).err()
    }

    fn balance(state: &mut State) -> i64 {
        state.ledger("app").balance()
    }

    #[test]
    fn more_money_than_the_balance_cannot_be_paid_out() {
        let mut state = state();
        assert_eq!(open(&mut state, Payout, "one", 600), None);
        assert_eq!(open(&mut state, Payout, "two", 600), Some(CannotOpen::Unfunded));
        assert_eq!(balance(&mut state), 400, "the refused payout should not move money");
        assert_eq!(state.transactions().len(), 1);
    }

    #[test]
    fn a_failed_payout_gives_its_money_back() {
        let mut state = state();
        open(&mut state, Payout, "one", 600);
        let id = state.transactions()[0].transaction_id.clone();
        state.ledger("app").end(&id, Status::Failed, 50);
        assert_eq!(balance(&mut state), 1_000);
        state.settle(1_000);
        assert_eq!(
            state.transactions()[0].status,
            Status::Failed,
            "a final status does not change"
        );
    }

    #[test]
    fn collected_money_arrives_when_the_transaction_settles() {
        let mut state = state();
        open(&mut state, Qr, "one", 600);
        state.settle(99);
        assert_eq!(balance(&mut state), 1_000);
        state.settle(100);
        state.settle(100);
        assert_eq!(balance(&mut state), 1_600, "settling twice should not pay twice");
        let history: Vec<_> = state.transactions()[0].history.iter().map(|c| c.at_ms).collect();
        assert_eq!(history, [0, 100]);
    }

    #[test]
    fn one_merchant_never_sees_the_other() {
        let mut state = state();
        open(&mut state, Payout, "one", 600);
        let id = state.transactions()[0].transaction_id.clone();
        let mut other = state.ledger("other");
        assert!(other.by_reference(Payout, "one").is_none());
        assert!(other.by_transaction_id(&id).is_none());
        assert_eq!(other.of(Payout).count(), 0);
        assert!(!other.has_seen(Payout, "one"));
        assert_eq!(other.balance(), 1_000);
    }
}
