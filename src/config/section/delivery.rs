//! Where an account's events are delivered to: its file section checked and built.

use std::time::Duration;

use super::file::DeliveryFile;
use super::tls::{self, Place};
use crate::config::read::reader::Walk;
use crate::config::read::section::Section;
use crate::config::snapshot::Delivery;
use crate::wire::Timeouts;

/// The longest a connection to the application may take. It stands nearby; one that takes longer is not there, and its
/// place is better used for another delivery.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Checks the section. Nothing where none is given, and where something in it is wrong.
pub(crate) fn compile(walk: &mut Walk<'_>, section: &Section<DeliveryFile>) -> Option<Delivery> {
    let file = walk.given_section(section)?;
    let url = walk.required(&file.url);
    let target = tls::compile(walk, "url", url.as_ref().map(Place::of_application), &file.tls);
    let format = walk.or(&file.format, DeliveryFile::FORMAT);
    let secrets = walk.optional(&file.secret).map(|secrets| secrets.0).unwrap_or_default();
    let retry_for = walk.or(&file.retry_for, DeliveryFile::RETRY_FOR).0;
    let timeout = walk.or(&file.timeout, DeliveryFile::TIMEOUT).0;
    let concurrency = walk.or(&file.concurrency, DeliveryFile::CONCURRENCY).0 as usize;
    if !file.secret.is_given() {
        walk.warn(
            &section.path,
            "no `secret`: the application cannot tell our events from others'",
        );
    }
    let url = url?;
    if url.is_exposed {
        walk.warn(&file.url.0.path, "plain http beyond loopback: events can be read on the way");
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
