//! What the sandbox believes happened: every merchant's transactions and balance.
//!
//! One [`Ledger`] per merchant application. A status changes in one place only, [`Ledger::change`]: money moves there,
//! and from there it is told on, which becomes a notification. Time comes in as an argument; a transaction whose time has
//! come settles before the next request is looked at.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::transaction::{Change, Draft, Product, Status, Transaction};
use crate::sandbox::bluepay::answers::{Code, Refusal};

/// The most transactions kept; a forgotten load test must end in an error, not in the machine's memory.
const TRANSACTIONS_MAX: usize = 500_000;

/// Every merchant's ledger.
pub struct State {
    ledgers: BTreeMap<String, Ledger>,
    balance: i64,
    serial: u64,
}

/// One merchant application's transactions and money.
pub struct Ledger {
    app_id: String,
    /// Minor units.
    balance: i64,
    transactions: Vec<Transaction>,
    /// (product, reference) → place in `transactions`; the merchant's ids are unique per product.
    references: HashMap<(Product, String), usize>,
    idempotency_ids: HashMap<String, usize>,
    transaction_ids: HashMap<String, usize>,
    /// (Unix ms, place): what settles when.
    due: BTreeSet<(i64, usize)>,
    /// What changed, by place, and was not told yet.
    changes: Vec<(usize, Change)>,
}

impl State {
    pub fn new<'a>(app_ids: impl IntoIterator<Item = &'a String>, balance: i64) -> Self {
        let ledgers = app_ids.into_iter().map(|id| (id.clone(), Ledger::new(id, balance)));
        Self { ledgers: ledgers.collect(), balance, serial: 0 }
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        *self = Self::new(self.ledgers.keys(), self.balance);
    }

    /// Settles what is due at `now_ms` (Unix milliseconds).
    pub fn settle(&mut self, now_ms: i64) {
        for ledger in self.ledgers.values_mut() {
            ledger.settle(now_ms);
        }
    }

    /// When (Unix milliseconds) the next transaction settles.
    pub fn next_due_ms(&self) -> Option<i64> {
        self.ledgers.values().filter_map(|ledger| ledger.due.first().map(|(at, _)| *at)).min()
    }

    /// Tells of every change since the last time.
    pub fn tell_changes(&mut self, mut tell: impl FnMut(&Transaction, Change)) {
        for ledger in self.ledgers.values_mut() {
            for (place, change) in std::mem::take(&mut ledger.changes) {
                tell(&ledger.transactions[place], change);
            }
        }
    }

    /// The ledger of `app_id`, with the number that its next transaction would get.
    pub fn ledger(&mut self, app_id: &str) -> Option<(&mut Ledger, &mut u64)> {
        self.ledgers.get_mut(app_id).map(|ledger| (ledger, &mut self.serial))
    }

    /// All transactions, oldest first.
    pub fn transactions(&self) -> Vec<Transaction> {
        let mut all: Vec<Transaction> =
            self.ledgers.values().flat_map(|ledger| ledger.transactions.iter().cloned()).collect();
        all.sort_by_key(|transaction| transaction.serial);
        all
    }
}

impl Ledger {
    fn new(app_id: &str, balance: i64) -> Self {
        Self {
            app_id: app_id.to_string(),
            balance,
            transactions: Vec::new(),
            references: HashMap::new(),
            idempotency_ids: HashMap::new(),
            transaction_ids: HashMap::new(),
            due: BTreeSet::new(),
            changes: Vec::new(),
        }
    }

    /// Minor units.
    pub fn balance(&self) -> i64 {
        self.balance
    }

    /// Refuses with `duplicate` when the merchant has used `reference` for `product` before, and counts the sighting.
    pub fn refuse_reference(
        &mut self,
        product: Product,
        reference: &str,
        duplicate: Code,
    ) -> Result<(), Refusal> {
        match self.references.get(&(product, reference.to_string())) {
            None => Ok(()),
            Some(&place) => self.seen_again(place, duplicate),
        }
    }

    /// The same for an idempotency id.
    pub fn refuse_idempotency_id(&mut self, id: &str) -> Result<(), Refusal> {
        match self.idempotency_ids.get(id) {
            None => Ok(()),
            Some(&place) => self.seen_again(place, Code::DuplicateIdempotencyId),
        }
    }

    fn seen_again(&mut self, place: usize, code: Code) -> Result<(), Refusal> {
        self.transactions[place].seen += 1;
        Err(code.into())
    }

    /// Opens a transaction, pending. Refused when the money for it is not there.
    pub fn open(
        &mut self,
        draft: Draft,
        serial: &mut u64,
        now_ms: i64,
    ) -> Result<&mut Transaction, Refusal> {
        if self.transactions.len() >= TRANSACTIONS_MAX {
            let full = format!("the sandbox holds {TRANSACTIONS_MAX} transactions; reset it");
            return Err(Refusal::because(Code::GeneralError, full));
        }
        let amount = draft.amount.unwrap_or(0);
        if draft.product.spends() && amount > self.balance {
            return Err(Code::BalanceInsufficient.into());
        }
        *serial += 1;
        let place = self.transactions.len();
        let transaction = draft.opened(&self.app_id, *serial, now_ms);
        self.references.insert((transaction.product, transaction.reference.clone()), place);
        self.transaction_ids.insert(transaction.transaction_id.clone(), place);
        if let Some(id) = &transaction.idempotency_id {
            self.idempotency_ids.insert(id.clone(), place);
        }
        if let Some(at) = transaction.settles_at_ms {
            self.due.insert((at, place));
        }
        self.transactions.push(transaction);
        self.change(place, Status::Pending, now_ms);
        Ok(&mut self.transactions[place])
    }

    /// Ends what is still open: a cancel, or a void that is done at once.
    pub fn end(&mut self, transaction_id: &str, status: Status, now_ms: i64) {
        if let Some(&place) = self.transaction_ids.get(transaction_id) {
            self.change(place, status, now_ms);
        }
    }

    pub fn by_reference(&self, product: Product, reference: &str) -> Option<&Transaction> {
        let place = *self.references.get(&(product, reference.to_string()))?;
        Some(&self.transactions[place])
    }

    pub fn by_transaction_id(&self, transaction_id: &str) -> Option<&Transaction> {
        Some(&self.transactions[*self.transaction_ids.get(transaction_id)?])
    }

    /// Every transaction of `product`, oldest first.
    pub fn of(&self, product: Product) -> impl Iterator<Item = &Transaction> {
        self.transactions.iter().filter(move |transaction| transaction.product == product)
    }

    fn settle(&mut self, now_ms: i64) {
        while let Some(&(at, place)) = self.due.first() {
            if at > now_ms {
                return;
            }
            self.due.pop_first();
            let transaction = &self.transactions[place];
            if transaction.status == Status::Pending {
                self.change(place, transaction.settles_as, at);
            }
        }
    }

    /// The one place where a status changes.
    fn change(&mut self, place: usize, status: Status, at_ms: i64) {
        let transaction = &mut self.transactions[place];
        transaction.status = status;
        transaction.history.push(Change { status, at_ms });
        self.changes.push((place, Change { status, at_ms }));
        let amount = transaction.amount.unwrap_or(0);
        self.balance = self.balance.saturating_add(match (transaction.product.spends(), status) {
            // Money that leaves is held back from the start and given back when nothing came of it.
            (true, Status::Pending) => amount.saturating_neg(),
            (true, Status::Failed | Status::Cancelled) => amount,
            (false, Status::Completed) => amount,
            (true, Status::Completed) => 0,
            (false, Status::Pending | Status::Failed | Status::Cancelled) => 0,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::engine::transaction::Product::{Payout, Qr};

    fn state() -> State {
        State::new([&"app".to_string()], 1_000)
    }

    fn open(state: &mut State, product: Product, reference: &str, amount: i64) -> Option<Code> {
        let draft = Draft {
            amount: Some(amount),
            settles: Some((100, Status::Completed)),
            ..Draft::new("any", product, reference)
        };
        let (ledger, serial) = state.ledger("app").expect("the merchant");
        ledger.open(draft, serial, 0).err().map(|refusal| refusal.code)
    }

    fn balance(state: &mut State) -> i64 {
        state.ledger("app").expect("the merchant").0.balance()
    }

    #[test]
    fn money_that_is_not_there_cannot_be_paid_out() {
        let mut state = state();
        assert_eq!(open(&mut state, Payout, "one", 600), None);
        assert_eq!(open(&mut state, Payout, "two", 600), Some(Code::BalanceInsufficient));
        assert_eq!(balance(&mut state), 400, "the refused payout should not move money");
        assert_eq!(state.transactions().len(), 1);
    }

    #[test]
    fn a_failed_payout_gives_its_money_back() {
        let mut state = state();
        open(&mut state, Payout, "one", 600);
        let id = state.transactions()[0].transaction_id.clone();
        state.ledger("app").expect("the merchant").0.end(&id, Status::Failed, 50);
        assert_eq!(balance(&mut state), 1_000);
        state.settle(1_000);
        assert_eq!(state.transactions()[0].status, Status::Failed, "a final status stays");
    }

    #[test]
    fn collected_money_arrives_when_it_settles() {
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
        let mut state = State::new([&"a".to_string(), &"b".to_string()], 10);
        let draft = Draft::new("payout_create", Payout, "one");
        let (ledger, serial) = state.ledger("a").expect("a merchant");
        ledger.open(draft, serial, 0).expect("opened");
        let (other, _) = state.ledger("b").expect("a merchant");
        assert!(other.by_reference(Payout, "one").is_none());
        assert!(state.ledger("c").is_none());
    }
}
