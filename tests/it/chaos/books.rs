//! What the provider, the journal and the application have recorded when everything is over, and whether it agrees with
//! what callers were answered.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::application::{Application, Taken};
use super::callers::{Callers, Heard, Manner, Payout, Town};
use crate::support::Sidecar;
use crate::support::sandbox::SandboxProcess;

/// How long it may take until every outcome is known once nothing goes wrong any more: a few of the resolver's longest
/// pauses.
const SETTLE_PATIENCE: Duration = Duration::from_secs(240);

pub struct Books {
    /// The sandbox's transactions by reference.
    provider: HashMap<String, Vec<Value>>,
    /// The journal's rows by reference, newest generation first.
    journal: HashMap<String, Vec<Value>>,
    taken: Vec<Taken>,
}

impl Books {
    /// Waits until nothing is open any more, and then reads them.
    pub fn settled(
        sandbox: &SandboxProcess,
        sidecar: &Sidecar,
        application: &Application,
        payouts: u64,
    ) -> Self {
        let deadline = Instant::now() + SETTLE_PATIENCE;
        loop {
            let books = Self {
                provider: by_reference(sandbox.transactions()),
                journal: by_reference(journal(sidecar, payouts)),
                taken: application.taken(),
            };
            let open = books.open();
            if open.is_empty() && delivers_nothing(sidecar) {
                return books;
            }
            if Instant::now() > deadline {
                let open = &open[..open.len().min(10)];
                panic!("not settled after {SETTLE_PATIENCE:?}: {open:#?}");
            }
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// Rows of the journal about which not everything is known or delivered.
    fn open(&self) -> Vec<&Value> {
        let events = self.taken.iter().map(|taken| &taken.event);
        let told: HashSet<&str> = events
            .filter(|event| event["data"]["status"] != "pending" && !reports_a_refusal(event))
            .filter_map(|event| event["data"]["reference"].as_str())
            .collect();
        let rows = self.journal.values().flatten();
        rows.filter(|row| match row["state"].as_str() {
            Some("rejected" | "not_sent") => false,
            Some("accepted") => {
                let reference = row["reference"].as_str().unwrap_or_default();
                !is_final(row) || !told.contains(reference)
            }
            _ => true,
        })
        .collect()
    }

    /// A few figures about the run.
    pub fn print(&self, callers: &Callers<'_>) {
        let mut heard = BTreeMap::<String, u64>::new();
        for number in 0..callers.payouts() {
            for outcome in callers.heard(number) {
                *heard.entry(outcome.unwrap_or_else(|| "no answer".to_owned())).or_default() += 1;
            }
        }
        let rows: usize = self.journal.values().map(Vec::len).sum();
        let attempts: u64 =
            self.journal.values().flatten().filter_map(|row| row["attempts"].as_u64()).sum();
        let synthesised =
            self.taken.iter().filter(|taken| has_flag(&taken.event, "synthesised")).count();
        println!(
            "chaos: {} paid; journal {rows} rows, {attempts} attempts; callers got {heard:?}; \
             {} deliveries, {synthesised} synthesised from queries",
            self.provider.len(),
            self.taken.len()
        );
    }

    /// Everything at once, so that one run shows every mistake.
    pub fn assert_right(&self, town: &Town, callers: &Callers<'_>) {
        let mut wrong = Vec::new();
        for (number, payout) in town.payouts.iter().enumerate() {
            let heard = callers.heard(number);
            if let Err(why) = self.check(payout, &heard) {
                let rows = self.journal.get(&payout.reference);
                wrong.push(format!(
                    "{} ({:?}): {why}\n\n  callers got {}\n  journal {rows:?}",
                    payout.reference,
                    payout.manner,
                    summary(&heard)
                ));
            }
        }
        let known =
            |reference: &&String| town.payouts.iter().any(|payout| payout.reference == **reference);
        wrong.extend(
            self.provider
                .keys()
                .filter(|reference| !known(reference))
                .map(|reference| format!("{reference} is at the provider, but was never posted")),
        );
        wrong.extend(self.check_repeats().err());
        assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    }

    fn check(&self, payout: &Payout, heard: &Heard) -> Result<(), String> {
        let none = Vec::new();
        let paid = self.provider.get(&payout.reference).unwrap_or(&none);
        let rows = self.journal.get(&payout.reference).unwrap_or(&none);
        if paid.len() > 1 {
            return Err(format!("it was paid {} times", paid.len()));
        }
        let accepted: Vec<&Value> = rows.iter().filter(|row| row["state"] == "accepted").collect();
        if accepted.len() != paid.len() {
            return Err(format!(
                "paid {} times, accepted in the journal {}",
                paid.len(),
                accepted.len()
            ));
        }
        check_answers(payout, heard, !paid.is_empty())?;
        let (refusals, events): (Vec<_>, Vec<_>) =
            self.events(&payout.reference).into_iter().partition(|event| reports_a_refusal(event));
        let refused = rows.len() - accepted.len();
        let told: HashSet<_> = refusals.iter().map(|event| event["id"].as_str()).collect();
        if told.len() > refused {
            return Err(format!("refused {refused} times, but the events are: {refusals:?}"));
        }
        match (paid.first(), accepted.first()) {
            (Some(paid), Some(row)) => {
                check_payment(payout, paid, row)?;
                check_events(payout, &events)
            }
            _ if events.is_empty() => Ok(()),
            _ => Err(format!("not paid, but the events are: {events:?}")),
        }
    }

    fn events(&self, reference: &str) -> Vec<&Value> {
        let events = self.taken.iter().map(|taken| &taken.event);
        events.filter(|event| event["data"]["reference"] == reference).collect()
    }

    /// The same id is the same event, however often it comes.
    fn check_repeats(&self) -> Result<(), String> {
        let mut first = HashMap::new();
        for taken in &self.taken {
            let known = first.entry(&taken.id).or_insert(&taken.event);
            if **known != taken.event {
                return Err(format!(
                    "{} came with two texts: {known} and {}",
                    taken.id, taken.event
                ));
            }
        }
        Ok(())
    }
}

/// The answer must be correct, unless the caller itself paid again afterwards.
fn check_answers(payout: &Payout, heard: &Heard, is_paid: bool) -> Result<(), String> {
    let accepted = heard.iter().flatten().any(|outcome| outcome == "accepted");
    if accepted && !is_paid {
        return Err("a caller got `accepted`, but it was not paid".to_owned());
    }
    let refused = |outcome: &str| matches!(outcome, "rejected" | "not_sent");
    match (payout.manner, heard.last()) {
        (Manner::Patient | Manner::Crowd, _) if !accepted => {
            Err("a patient caller never got `accepted`".to_owned())
        }
        (Manner::Once, Some(Some(last))) if refused(last) && is_paid => {
            Err(format!("its only caller got `{last}`, but it was paid"))
        }
        _ => Ok(()),
    }
}

fn check_payment(payout: &Payout, paid: &Value, row: &Value) -> Result<(), String> {
    let amounts = (paid["amount"].as_u64(), row["amount_minor"].as_u64());
    if amounts != (Some(payout.amount), Some(payout.amount)) {
        return Err(format!("{} was posted, (paid, journal) {amounts:?}", payout.amount));
    }
    let expected = if payout.fails { "failed" } else { "succeeded" };
    if row["status"] != expected {
        return Err(format!("it has {expected}, the journal says {}", row["status"]));
    }
    match row["amount_differs"] == true || row["contradicted"] == true {
        true => Err("the journal reports a contradiction".to_owned()),
        false => Ok(()),
    }
}

fn check_events(payout: &Payout, events: &[&Value]) -> Result<(), String> {
    let expected = if payout.fails { "failed" } else { "succeeded" };
    let mut is_over = false;
    for event in events {
        let data = &event["data"];
        let status = data["status"].as_str().unwrap_or_default();
        let is_pending = status == "pending";
        let is_odd = ["unexpected", "amount-mismatch"].iter().any(|flag| has_flag(event, flag));
        // The answer to a query has no amount.
        let is_amount = data["amount"]["minor"] == payout.amount
            || (data["amount"].is_null() && has_flag(event, "synthesised"));
        let is_wrong = data["kind"] != "payout"
            || !is_amount
            || (!is_pending && status != expected)
            || (is_pending && is_over && !has_flag(event, "stale"));
        if is_odd || is_wrong {
            return Err(format!("the application got {event}"));
        }
        is_over |= !is_pending;
    }
    match is_over {
        true => Ok(()),
        false => Err("the application got no event for its end".to_owned()),
    }
}

/// The answers, with consecutive equal ones listed once.
fn summary(heard: &Heard) -> String {
    let words = heard.iter().map(|outcome| outcome.as_deref().unwrap_or("no answer"));
    let runs = words.collect::<Vec<_>>();
    let runs = runs.chunk_by(|one, other| one == other);
    let runs: Vec<_> = runs.map(|run| format!("{} × {}", run.len(), run[0])).collect();
    runs.join(", ")
}

pub fn has_flag(event: &Value, flag: &str) -> bool {
    event["data"]["flags"].as_array().is_some_and(|flags| flags.iter().any(|known| known == flag))
}

/// Whether an event says that an earlier call under the reference did not happen, which says nothing about the later
/// one.
fn reports_a_refusal(event: &Value) -> bool {
    let data = &event["data"];
    data["status"] == "failed"
        && data["provider_reference"].is_null()
        && has_flag(event, "synthesised")
}

fn is_final(row: &Value) -> bool {
    matches!(row["status"].as_str(), Some("succeeded" | "failed"))
}

pub fn delivers_nothing(sidecar: &Sidecar) -> bool {
    ["pending", "retrying"].iter().all(|state| {
        let series = format!("countersign_inbox_events{{account=\"shop\",state=\"{state}\"}}");
        sidecar.metric(&series) == Some(0.0)
    })
}

/// The whole journal, page by page.
pub fn journal(sidecar: &Sidecar, payouts: u64) -> Vec<Value> {
    let (mut rows, mut after) = (Vec::new(), None::<i64>);
    // Every payout has a few generations at most.
    for _ in 0..payouts {
        let after_text = after.map(|cursor| cursor.to_string());
        let mut arguments = vec!["payments", "list", "--json", "--limit", "1000"];
        if let Some(cursor) = &after_text {
            arguments.extend(["--after", cursor]);
        }
        let page = sidecar.run_json(&arguments);
        rows.extend(page["payments"].as_array().expect("a list").iter().cloned());
        after = page["next"].as_i64();
        if after.is_none() {
            break;
        }
    }
    rows
}

pub fn by_reference(rows: Vec<Value>) -> HashMap<String, Vec<Value>> {
    let mut sorted = HashMap::<String, Vec<Value>>::new();
    for row in rows {
        let reference = row["reference"].as_str().unwrap_or_default().to_owned();
        sorted.entry(reference).or_default().push(row);
    }
    sorted
}
