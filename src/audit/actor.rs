//! Who acts, and in which request: known where a request is authorised, needed where a commit is observed, in the same
//! task.

use std::fmt;

use crate::wire::RequestId;

tokio::task_local! {
    static ACTING: (Actor, RequestId);
}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The sidecar itself: status queries, deleting old rows, starting.
    Sidecar,
    /// The provider, by a notification.
    Provider,
    /// A caller on `listen.app` of an account that requires no credentials.
    App,
    /// A caller with the account's token at this index, counted from 0.
    AppToken(usize),
    /// A caller on a unix socket with that user id.
    AppUid(u32),
    /// A caller on `listen.admin`.
    Admin,
    /// A command, run by that user id.
    Cli(u32),
}

impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sidecar => formatter.write_str("sidecar"),
            Self::Provider => formatter.write_str("provider"),
            Self::App => formatter.write_str("app"),
            Self::AppToken(index) => write!(formatter, "app token {index}"),
            Self::AppUid(uid) => write!(formatter, "app uid {uid}"),
            Self::Admin => formatter.write_str("admin"),
            Self::Cli(uid) => write!(formatter, "cli uid {uid}"),
        }
    }
}

/// Does `work` on behalf of `actor`, in the request `request_id`.
pub async fn acting<T>(actor: Actor, request_id: RequestId, work: impl Future<Output = T>) -> T {
    ACTING.scope((actor, request_id), work).await
}

/// Who acts here and in which request, if that was set.
pub(super) fn current() -> Option<(Actor, RequestId)> {
    ACTING.try_with(Clone::clone).ok()
}
