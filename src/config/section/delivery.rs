//! Where an account's events are delivered to.

use std::time::Duration;

use super::tls::{self, TlsFile};
use crate::config::kind::secrets::DeliverySecrets;
use crate::config::kind::units::{DAY_MS, Span, Timeout, Whole};
use crate::config::kind::urls::DeliveryUrl;
use crate::config::read::kind::Choice;
use crate::config::read::{Reader, Required, Section, Value, file_section};
use crate::config::snapshot::{Delivery, DeliveryFormat};
use crate::wire::Timeouts;

/// The longest time for a connection to the application. It is nearby; if connecting takes longer, it is unavailable,
/// and the time is better used for another delivery.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// How long a delivery is repeated.
type Persistence = Span<0, { 30 * DAY_MS }>;

file_section! {
    /// Where an account's events are delivered to.
    DeliveryFile {
        /// The application's own address for events.
        url: Required<Value<DeliveryUrl>>,
        /// `cloudevents`: CloudEvents 1.0 as JSON; `plain`: the provider's `param`, verbatim.
        format: Value<DeliveryFormat> = "cloudevents",
        /// Signs deliveries (Standard Webhooks): `whsec_` and the base64 of 24 to 64 bytes. Unsigned by default.
        /// While a new secret replaces an old one, give both, with a blank between them: each delivery then carries
        /// two signatures.
        secret: Value<DeliverySecrets>,
        /// How long a delivery is repeated until it becomes a dead letter, as a duration such as `72h`.
        retry_for: Value<Persistence> = "72h",
        /// The longest time until the application has answered a delivery, as a duration such as `15s`.
        timeout: Value<Timeout> = "15s",
        /// The number of deliveries at the same time.
        concurrency: Value<Whole<1, 256>> = 8,
        /// TLS towards the application. The system's roots and the URL's host name by default.
        tls: Section<TlsFile>,
    }
}

impl Choice for DeliveryFormat {
    const WORDS: &'static [(&'static str, Self)] =
        &[("cloudevents", Self::CloudEvents), ("plain", Self::Plain)];
}

/// Checks the section. Nothing if it is missing or something in it is wrong.
pub(super) fn compile(
    reader: &mut Reader<'_>,
    section: &Section<DeliveryFile>,
) -> Option<Delivery> {
    let file = reader.given_section(section)?;
    let url = reader.required(&file.url);
    let target = tls::target(reader, "url", url.as_ref(), "", &file.tls);
    let format = file.format(reader);
    let secrets = reader.optional(&file.secret).unwrap_or_default();
    let retry_for = file.retry_for(reader);
    let timeout = file.timeout(reader);
    let concurrency = file.concurrency(reader) as usize;
    if !file.secret.is_given() {
        let warning = "no `secret`: the application cannot tell our events from others'";
        reader.warn(&section.path, warning);
    }
    let url = url?;
    if url.is_exposed() {
        reader.warn(&file.url.path, "plain http beyond loopback: events can be read on the way");
    }
    Some(Delivery {
        target: target?,
        path: url.path_and_query(),
        url: url.url,
        format,
        secrets,
        retry_for,
        timeouts: Timeouts { connect: timeout.min(CONNECT_MAX), send: timeout, total: timeout },
        concurrency,
    })
}
