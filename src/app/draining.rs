//! How long a stop may have to wait: as long as the slowest operation in progress may take, under the configuration
//! it began with.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::clock::later;
use crate::config::Snapshot;
use crate::delivery;

/// How long a stop waits beyond the longest possible operation, so that the last answer is still written.
const DRAIN_MARGIN: Duration = Duration::from_secs(5);

/// When calls that began under earlier configurations must be over. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Draining(Arc<Mutex<Option<Instant>>>);

impl Draining {
    /// `before` was replaced at `now`: calls that began under it may go on for as long as it allows.
    pub fn replaced(&self, before: &Snapshot, now: Instant) {
        let end = later(now, drain_max(before));
        let mut over_at = self.0.lock();
        *over_at = (*over_at).max(Some(end));
    }

    /// The longest time that a stop beginning at `now`, with `snapshot` in use, waits.
    pub fn max(&self, snapshot: &Snapshot, now: Instant) -> Duration {
        let over_at = *self.0.lock();
        let earlier = over_at.map_or(Duration::ZERO, |end| end.saturating_duration_since(now));
        drain_max(snapshot).max(earlier)
    }
}

/// Long enough for any call and any delivery that may be in progress when the stop begins.
pub(super) fn drain_max(snapshot: &Snapshot) -> Duration {
    let calls = snapshot.accounts.values().map(|account| account.timeouts.total).max();
    calls.unwrap_or_default().max(delivery::STOP_MAX).saturating_add(DRAIN_MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::instant;
    use crate::config::{demo, load_text};

    fn snapshot(total: &str) -> Snapshot {
        let key = demo::MERCHANT_PRIVATE_KEY;
        let text = format!(
            "[[account]]\nname = \"shop\"\nprovider = \"bluepay\"\nbase_url = \"http://127.0.0.1:9\"\n\
             app_id = \"a\"\ntimeouts = {{ connect = \"1s\", send = \"1s\", total = \"{total}\" }}\n\
             signing_key = [{{ id = \"k\", private_key = \"\"\"{key}\"\"\" }}]\n"
        );
        load_text(&text).unwrap_or_else(|mistakes| panic!("{mistakes:?}")).snapshot
    }

    #[test]
    fn a_stop_waits_for_deliveries_even_when_calls_are_short() {
        assert!(
            drain_max(&snapshot("1s")) > delivery::STOP_MAX,
            "attempts to deliver would be cut off, and the exit code would say so"
        );
    }

    #[test]
    fn a_stop_waits_for_calls_that_began_before_a_reload_made_calls_shorter() {
        let (long, short, now) = (snapshot("60s"), snapshot("1s"), instant());
        let draining = Draining::default();
        draining.replaced(&long, now);
        draining.replaced(&short, now);
        let later = now + Duration::from_secs(10);
        assert_eq!(
            draining.max(&short, later),
            Duration::from_secs(55),
            "some may still be in progress"
        );
        let much_later = now + Duration::from_secs(600);
        assert_eq!(draining.max(&short, much_later), drain_max(&short), "all of them are over");
    }
}
