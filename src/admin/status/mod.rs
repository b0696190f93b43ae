//! The status page: one self-contained page at `/` that shows the contents of `/status.json` and refreshes every few
//! seconds.
//!
//! It is read-only and counts nothing itself: the figures come from the metrics, the configuration's snapshot and the
//! store. It shows no references of payments, because the listener requires no password and the page may be on a wall
//! screen; `countersign payments list` shows them.

mod data;
mod figures;
mod page;

use http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderValue, StatusCode};

use super::{Admin, JSON};
use crate::wire::Reply;

const HTML: &str = "text/html; charset=utf-8";

/// The page itself. It is the same for every reader; its data comes from [`data()`].
pub(super) fn page() -> Reply {
    let page = page::page();
    guarded(Reply::new(StatusCode::OK, HTML, page.html.clone()), &page.policy)
}

/// The data that the page shows.
pub(super) async fn data(admin: &Admin) -> Reply {
    let body = data::collect(admin).await.to_string();
    guarded(Reply::new(StatusCode::OK, JSON, body), "default-src 'none'; frame-ancestors 'none'")
}

/// No other site may frame it, guess its type, learn where it was linked from, or load it into a page of another
/// origin.
fn guarded(mut reply: Reply, policy: &str) -> Reply {
    let opener = HeaderName::from_static("cross-origin-opener-policy");
    let resource = HeaderName::from_static("cross-origin-resource-policy");
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (opener, "same-origin"),
        (resource, "same-origin"),
    ] {
        reply.headers.insert(name, HeaderValue::from_static(value));
    }
    reply.with_header(CONTENT_SECURITY_POLICY, policy)
}
