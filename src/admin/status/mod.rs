//! The status page: one self-contained page at `/` that shows what `/status.json` says, every few seconds anew.
//!
//! Read-only, and nothing is counted here: the figures are those of the metrics, the configuration's snapshot and the
//! store. References of payments are not shown: the listener asks for no password and the page may hang on a wall;
//! `countersign payments list` has them.

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

/// The page itself. It is the same for everyone; what it shows comes from [`data()`].
pub(super) fn page() -> Reply {
    let page = page::page();
    guarded(Reply::new(StatusCode::OK, HTML, page.html.clone()), &page.policy)
}

/// What the page shows.
pub(super) async fn data(admin: &Admin) -> Reply {
    let body = data::collect(admin).await.to_string();
    guarded(Reply::new(StatusCode::OK, JSON, body), "default-src 'none'; frame-ancestors 'none'")
}

/// Nobody may frame it, guess its type, learn where it was linked from, or load it into a page of another origin.
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
