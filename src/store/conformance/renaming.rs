//! Renamed accounts: payments, events and freezes stored under one name are found under all of them.

use super::super::{AccountNames, Begun, Conclusion, Notification, PaymentFilter, Received};
use super::paying::*;
use super::*;
use crate::payment::{Place as MadeAt, State};
use crate::provider::{CodeMeaning, EventStatus};
use crate::store::{JournalError, LeftBehind, QueryAnswer};

/// The names in a configuration with these accounts.
async fn know(store: &dyn Store, said: &[(&str, &[&str])]) -> Vec<String> {
    store.know_accounts(&accounts(said)).await.expect("written")
}

fn accounts(said: &[(&str, &[&str])]) -> Vec<AccountNames> {
    let names = |(name, formerly): &(&str, &[&str])| AccountNames {
        name: (*name).to_owned(),
        formerly: formerly.iter().map(|name| (*name).to_owned()).collect(),
    };
    said.iter().map(names).collect()
}

fn payout_by(account: &str, reference: &str) -> crate::store::NewPayment {
    crate::store::NewPayment { account: account.to_owned(), ..payout(reference) }
}

pub(in crate::store) async fn a_renamed_account_finds_the_payments_of_its_former_names(
    place: &dyn super::Place,
) {
    let store = place.open();
    let paid = sending(&*store, "PAID").await;
    conclude(&*store, &paid, answered(10_000, CodeMeaning::Accepted)).await;
    let lost = lost(&*store, "LOST").await;
    store.note_unheard(&paid).await.expect("written");
    let refused = sending(&*store, "REFUSED").await;
    conclude(&*store, &refused, answered(21_014, CodeMeaning::Refused)).await;
    know(&*store, &[("shop-th", &["shop"])]).await;
    // Another process that still has the old configuration sees the same.
    let other = place.open();
    for (store, account) in [(&store, "shop-th"), (&store, "shop"), (&other, "shop")] {
        let begun = store.begin_sending(payout_by(account, "PAID")).await.expect("answered");
        assert!(matches!(begun, Begun::Known(view) if view.row.id == paid), "{account}");
        let found = store.find_payment(account, "payout_create", "PAID").await.expect("a read");
        assert_eq!(found.expect("found").row.account, "shop-th", "{account}");
    }
    let anew = payout_by("shop-th", "REFUSED");
    let Begun::Fresh(view) = store.begin(anew).await.expect("answered") else {
        panic!("it was refused: its reference is free")
    };
    assert_eq!((view.row.generation, &*view.row.account), (2, "shop-th"));
    let begun = other.begin(payout_by("shop", "REFUSED")).await.expect("answered");
    assert!(matches!(begun, Begun::Known(_)), "payments begun under the new name count too");

    let claimed = store.claim_unknown("shop-th", 10, LEASE_MS).await.expect("a claim");
    let claimed: Vec<_> = claimed.iter().map(|view| (&view.row.id, &*view.row.account)).collect();
    assert_eq!(claimed, [(&lost, "shop-th")]);
    let owed = store.owed_events("shop-th", 10).await.expect("a read");
    assert_eq!(owed.iter().map(|view| &view.row.id).collect::<Vec<_>>(), [&paid]);
    let counts = store.payment_counts().await.expect("a read");
    let counts: Vec<_> = counts.iter().map(|it| (&*it.account, it.unknown, it.under_way)).collect();
    assert_eq!(counts, [("shop-th", 1, 1)]);
    let spent = store.spendings(T0).await.expect("a read");
    assert!(spent.iter().all(|spending| spending.account == "shop-th"), "{spent:?}");
    assert_eq!(spent.iter().map(|spending| spending.amount_minor).sum::<u64>(), 20_000);
    for account in ["shop", "shop-th"] {
        let filter = PaymentFilter { account: Some(account.into()), ..PaymentFilter::default() };
        let listed = store.list_payments(&filter, None, 10).await.expect("a page").payments;
        assert_eq!(listed.len(), 4, "{account}");
        assert!(listed.iter().all(|row| row.account == "shop-th"), "{account}");
    }

    let notice = Notification {
        account: "shop-th".into(),
        provider_reference: None,
        neighbours: Vec::new(),
        ..notice("LOST")
    };
    let told = NewEvent { account: "shop-th".into(), ..event("k", Some("LOST")) };
    let (_, noticed) = notify(&*store, told, notice).await.expect("stored");
    let row = noticed.row.expect("the payment");
    assert_eq!((row.id, row.payment.status), (lost, Some(EventStatus::Succeeded)));
}

pub(in crate::store) async fn names_that_were_configured_once_stay_known(place: &dyn super::Place) {
    let store = place.open();
    let paid = sending(&*store, "PAID").await;
    know(&*store, &[("shop-th", &["shop"])]).await;
    let begun = store.begin(payout_by("shop-th", "LATER")).await.expect("answered");
    assert!(matches!(begun, Begun::Fresh(_)));
    drop(store);
    let store = place.open();
    // The old configuration is put back.
    know(&*store, &[("shop", &[])]).await;
    for reference in ["PAID", "LATER"] {
        let begun = store.begin(payout_by("shop", reference)).await.expect("answered");
        assert!(matches!(begun, Begun::Known(view) if view.row.account == "shop"), "{reference}");
    }
    know(&*store, &[("shop-asia", &["shop-th"])]).await;
    let begun = store.begin(payout_by("shop-asia", "PAID")).await.expect("answered");
    assert!(matches!(begun, Begun::Known(view) if view.row.id == paid), "two renames back");
    let two = [("shop", &[] as &[&str]), ("shop-asia", &[])];
    let standing = store.standing(&accounts(&two)).await.expect("a read");
    let taken = LeftBehind {
        account: "shop".into(),
        was_part_of: Some("shop-asia".into()),
        payments: 1,
        open: 1,
    };
    assert_eq!(standing.left_behind, [taken], "this is reported before it happens");
    let separate = know(&*store, &two).await;
    assert_eq!(separate, ["shop"], "two accounts from now on");
    let begun = store.begin(payout_by("shop-asia", "PAID")).await.expect("answered");
    assert!(matches!(begun, Begun::Fresh(_)), "{begun:?}");
}

pub(in crate::store) async fn a_freeze_applies_under_every_name(place: &dyn super::Place) {
    let store = place.open();
    let new = payout("A");
    let id = new.id.clone();
    store.begin(new).await.expect("written down");
    store.freeze("shop", "fraud?", T0).await.expect("frozen");
    know(&*store, &[("shop-th", &["shop"])]).await;
    store.freeze("shop-th", "fraud!", T0 + 1).await.expect("frozen");
    let begun = store.begin(payout_by("shop-th", "B")).await.expect("answered");
    assert!(matches!(begun, Begun::Frozen(freeze) if freeze.since_ms == T0));
    let sent = store.about_to_send(&id, rules(), T0).await;
    assert!(matches!(sent, Err(JournalError::Frozen(_))), "{sent:?}");
    let freezes = store.freezes().await.expect("a read");
    let freezes: Vec<_> =
        freezes.iter().map(|it| (&*it.account, &*it.reason, it.since_ms)).collect();
    assert_eq!(freezes, [("shop-th", "fraud!", T0)]);
    assert_eq!(store.unfreeze("shop-th").await, Ok(true));
    assert_eq!(store.about_to_send(&id, rules(), T0).await, Ok(1));
}

pub(in crate::store) async fn events_of_a_former_name_keep_their_order_and_their_duplicates(
    place: &dyn super::Place,
) {
    let store = place.open();
    let first = stored(&*store, "k1", Some("A")).await;
    let closed = stored(&*store, "k0", None).await;
    let keep = crate::store::Retention { delivered_ms: 0, dead_ms: 0, seen_ms: HOUR_MS };
    store
        .discard(&crate::store::Selection::Ids(vec![closed]), "test", T0)
        .await
        .expect("discarded");
    store.at(T0 + 1).sweep(keep).await.expect("swept");
    know(&*store, &[("shop-th", &["shop"])]).await;
    let by = |key: &str| NewEvent { account: "shop-th".into(), ..event(key, Some("A")) };
    for key in ["k1", "k0"] {
        let again = store.receive(by(key)).await.expect("acknowledged");
        assert!(matches!(again, Received::Duplicate { .. }), "{key}: {again:?}");
    }
    let second = by("k2");
    let second_id = second.id.clone();
    store.receive(second).await.expect("stored");
    let counts = store.counts().await.expect("a read");
    let counts: Vec<_> = counts.iter().filter(|it| it.pending > 0).collect();
    assert_eq!((&*counts[0].account, counts[0].pending, counts.len()), ("shop-th", 2, 1));
    assert_eq!(store.next_due("shop-th").await.expect("a read"), Some(T0));
    let claim = async || store.claim("shop-th", 10, LEASE_MS).await.expect("a claim");
    let mut claimed = claim().await;
    assert_eq!(claimed.len(), 1, "one of a reference at a time: {claimed:?}");
    let event = claimed.remove(0);
    assert_eq!((&event.lease.id, &*event.account), (&first, "shop-th"));
    store.settle(&event.lease, delivered(), T0).await.expect("settled");
    let ids: Vec<_> = claim().await.into_iter().map(|claimed| claimed.lease.id).collect();
    assert_eq!(ids, std::slice::from_ref(&second_id));
    let filter = Filter { account: Some("shop-th".into()), ..Filter::default() };
    assert_eq!(listed(&*store, &filter).await, [second_id, first]);
}

pub(in crate::store) async fn a_payment_not_found_elsewhere_proves_nothing(
    place: &dyn super::Place,
) {
    let store = place.open();
    let at = |base_url| MadeAt::of("bluepay", base_url, "app", "/pay", Some("/status"));
    let (x, y) = (at("https://x.example"), at("https://y.example"));
    let mut new = payout("A");
    new.place = Some(x);
    let id = new.id.clone();
    store.begin_sending(new).await.expect("written down");
    conclude(&*store, &id, Conclusion::InDoubt { reason: "reset".into() }).await;
    for at_ms in [T0, T0 + GRACE_MS, T0 + 2 * GRACE_MS] {
        let asked = QueryAnswer::NotFound;
        let asked = store.asked(&id, asked, rules().at(y), times(at_ms, Some(at_ms)), None);
        let row = asked.await.expect("written down").row;
        assert_eq!(row.payment.state, State::Unknown { attempt: 1, since_ms: T0 });
    }
    let open = store.open_at(&[]).await.expect("a read");
    assert_eq!((open[0].place, open[0].in_doubt, open.len()), (Some(x), 1, 1));
    let detail = store.show_payment(&id).await.expect("a read").expect("there");
    let last = detail.history.last().and_then(|entry| entry.detail.clone()).expect("a reason");
    assert_eq!(last, "unclear: not found, but it was made elsewhere (base_url)");
    for rules in [rules().at(y), rules()] {
        let sent = store.about_to_send(&id, rules, T0 + 3 * GRACE_MS).await;
        assert!(matches!(sent, Err(JournalError::Forbidden { .. })), "{sent:?}");
        let closure = crate::store::Closure::Abandoned { reason: "in vain".into(), rules };
        let closed = store.close_case(&id, closure, None, T0 + 3 * GRACE_MS).await;
        assert!(matches!(closed, Err(JournalError::Forbidden { .. })), "{closed:?}");
    }
    for at_ms in [T0, T0 + GRACE_MS] {
        let asked = QueryAnswer::NotFound;
        let asked = store.asked(&id, asked, rules().at(x), times(at_ms, Some(at_ms)), None);
        asked.await.expect("written down");
    }
    assert_eq!(store.about_to_send(&id, rules().at(x), T0 + GRACE_MS).await, Ok(2));
}
