//! How notifications misbehave on demand: the kinds that a rule of `POST /_sandbox/faults` can name.
//!
//! They hit when a notification is queued; rules for requests are told apart by their kind and never meet them.

use std::time::Duration;

use super::rule::KindRow;

/// One way for a notification to misbehave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotificationFault {
    /// Posted again `times` times, acknowledged or not.
    Duplicate { times: u64 },
    /// First posted after `delay`.
    Late { delay: Duration },
    /// A notification that the transaction is pending follows the one that it has ended.
    PendingAfterwards,
    /// Waits until the merchant's next notification is over.
    AfterNext,
    /// Signed with a key that nobody has.
    WrongSignature,
    /// Changed after it was signed.
    Tampered,
    /// Never posted.
    Withheld,
    /// The provider changes over to its other key, for this one and all that follow.
    KeyRoll,
    /// The text travels in `params`, as some of the provider's tables have it.
    MisnamedParam,
}

/// Every kind, in the order of the documentation.
pub const NOTIFICATION_KINDS: &[KindRow<NotificationFault>] = &[
    KindRow {
        name: "duplicate_notification",
        parameters: &["times"],
        build: |p| Ok(NotificationFault::Duplicate { times: p.number("times", 1, 1, 100)? }),
    },
    KindRow {
        name: "late_notification",
        parameters: &["delay_ms"],
        build: |p| Ok(NotificationFault::Late { delay: p.milliseconds("delay_ms", 5_000)? }),
    },
    KindRow {
        name: "out_of_order_notifications",
        parameters: &["order"],
        build: |p| match p.text("order", "pending_afterwards")?.as_str() {
            "pending_afterwards" => Ok(NotificationFault::PendingAfterwards),
            "after_next" => Ok(NotificationFault::AfterNext),
            _ => Err("`order` must be `pending_afterwards` or `after_next`".into()),
        },
    },
    KindRow {
        name: "wrong_signature",
        parameters: &[],
        build: |_| Ok(NotificationFault::WrongSignature),
    },
    KindRow {
        name: "tampered_notification",
        parameters: &[],
        build: |_| Ok(NotificationFault::Tampered),
    },
    KindRow {
        name: "no_notification",
        parameters: &[],
        build: |_| Ok(NotificationFault::Withheld),
    },
    KindRow { name: "key_roll", parameters: &[], build: |_| Ok(NotificationFault::KeyRoll) },
    KindRow {
        name: "misnamed_param",
        parameters: &[],
        build: |_| Ok(NotificationFault::MisnamedParam),
    },
];
