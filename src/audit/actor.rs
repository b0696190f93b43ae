//! Who does something: known where a request is authorised, needed where the store is told.

use std::fmt;

tokio::task_local! {
    static ACTOR: Actor;
}

/// Who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The sidecar itself: asking, tidying up, starting.
    Sidecar,
    /// The provider, by a notification.
    Provider,
    /// A caller on `listen.app` of an account that asks for no credentials.
    App,
    /// A caller with the account's token of that place in the list, counted from 0.
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

/// Does `work` in the name of `actor`.
pub async fn acting<T>(actor: Actor, work: impl Future<Output = T>) -> T {
    ACTOR.scope(actor, work).await
}

/// Who acts here, if it was said.
pub(super) fn current() -> Option<Actor> {
    ACTOR.try_with(|actor| *actor).ok()
}
