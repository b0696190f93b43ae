//! What a requested fault does to a notification. It takes effect when the notification is queued.

use std::time::Duration;

/// One way for a notification to be wrong.
#[derive(Clone, Debug)]
pub enum NotificationFault {
    /// Posted again `times` times, acknowledged or not.
    Duplicate { times: u64 },
    /// First posted after `delay`.
    Late { delay: Duration },
    /// The notification that the transaction is pending follows the one that it has ended.
    PendingAfterwards,
    /// Waits until the merchant's next notification is over.
    AfterNext,
    /// Signed with a key that is unknown to every receiver.
    WrongSignature,
    /// Changed after it was signed.
    Tampered,
    /// Never posted.
    Withheld,
    /// The provider changes to its other key, for this notification and all that follow.
    KeyRoll,
    /// The text is sent under a different name from the documented one.
    MisnamedParam,
}
