//! Store time: milliseconds that pass only as real time does, the same in every process that has the file open.
//!
//! It goes on with the machine's uptime from what the file holds, so setting the wall clock changes nothing, and neither
//! does a restart of the process. After a restart of the machine, or on another one, it goes on from what was written
//! down last: time during which nothing ran is not counted, and up to [`KEPT_EVERY_MS`] of the time before. It can then
//! lie a little behind stamps in rows; comparisons take that for "just now".

use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::{Connection, Row, named_params};

use super::holder::Role;
use crate::clock::Clock;

/// How often a process that works writes store time down, in milliseconds.
const KEPT_EVERY_MS: i64 = 60_000;

pub(super) struct StoreTime {
    clock: Clock,
    boot: Option<String>,
    /// Store time less uptime.
    ahead_ms: AtomicI64,
    /// The uptime at which it was last stored.
    kept_ms: AtomicI64,
}

/// What the file holds.
struct Kept {
    boot: Option<String>,
    uptime_ms: i64,
    time_ms: i64,
}

impl StoreTime {
    /// Goes on with the time of the file behind `connection`. The first sidecar since the machine started writes to it; a
    /// command before that takes the stored time.
    pub(super) fn resume(
        connection: &mut Connection,
        clock: Clock,
        role: Role,
    ) -> rusqlite::Result<Self> {
        let (boot, uptime_ms) = (clock.boot(), clock.uptime_ms());
        let (ahead_ms, kept_ms) = (i64::MIN.into(), uptime_ms.into());
        let time = Self { clock, boot, ahead_ms, kept_ms };
        match read(connection)? {
            Some(kept) if role == Role::Command || time.goes_on(&kept, uptime_ms) => {
                time.ahead_ms.store(time.ahead_of(&kept, uptime_ms), Ordering::Relaxed);
            }
            Some(_) | None => {
                let transaction = connection
                    .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
                time.write(&transaction, uptime_ms)?;
                transaction.commit()?;
            }
        }
        Ok(time)
    }

    /// Now.
    pub(super) fn now_ms(&self) -> i64 {
        self.clock.uptime_ms().saturating_add(self.ahead_ms.load(Ordering::Relaxed))
    }

    /// Writes the time down if that was not done lately.
    pub(super) fn keep(&self, connection: &Connection) -> rusqlite::Result<()> {
        let uptime_ms = self.clock.uptime_ms();
        let is_due = uptime_ms - self.kept_ms.load(Ordering::Relaxed) >= KEPT_EVERY_MS;
        if is_due { self.write(connection, uptime_ms) } else { Ok(()) }
    }

    /// The same, whenever that was: at the end.
    pub(super) fn keep_now(&self, connection: &Connection) -> rusqlite::Result<()> {
        self.write(connection, self.clock.uptime_ms())
    }

    /// Whether the uptime of `kept` is one that ours continues.
    fn goes_on(&self, kept: &Kept, uptime_ms: i64) -> bool {
        self.boot.is_some() && kept.boot == self.boot && kept.uptime_ms <= uptime_ms
    }

    /// How far store time is ahead of our uptime, going on from `kept`.
    fn ahead_of(&self, kept: &Kept, uptime_ms: i64) -> i64 {
        let then_ms = if self.goes_on(kept, uptime_ms) { kept.uptime_ms } else { uptime_ms };
        kept.time_ms.saturating_sub(then_ms)
    }

    /// Catches up with what another machine's process wrote meanwhile: store time never goes back.
    fn write(&self, connection: &Connection, uptime_ms: i64) -> rusqlite::Result<()> {
        let theirs_ms = match read(connection)? {
            Some(kept) => self.ahead_of(&kept, uptime_ms),
            None => begin(connection, self.clock.unix_ms())?.saturating_sub(uptime_ms),
        };
        let ahead_ms = self.ahead_ms.fetch_max(theirs_ms, Ordering::Relaxed).max(theirs_ms);
        connection.prepare_cached(KEEP)?.execute(named_params! {
            ":boot": self.boot,
            ":uptime": uptime_ms,
            ":time": uptime_ms.saturating_add(ahead_ms),
            ":wall": self.clock.unix_ms(),
        })?;
        self.kept_ms.store(uptime_ms, Ordering::Relaxed);
        Ok(())
    }
}

const KEEP: &str = "
    INSERT INTO store_time (one, boot, uptime, time, wall) VALUES (1, :boot, :uptime, :time, :wall)
    ON CONFLICT (one) DO UPDATE SET boot = :boot, uptime = :uptime, time = :time, wall = :wall";

fn read(connection: &Connection) -> rusqlite::Result<Option<Kept>> {
    let sql = "SELECT boot, uptime, time FROM store_time";
    let kept = |row: &Row<'_>| {
        Ok(Kept { boot: row.get(0)?, uptime_ms: row.get(1)?, time_ms: row.get(2)? })
    };
    connection.prepare_cached(sql)?.query_map([], kept)?.next().transpose()
}

/// Where store time begins: at the wall clock, so that stamps of both kinds can be compared by people; in a file that was
/// written to by an earlier version not after its newest stamp. The wall clock may have been set ahead since then, and
/// time in which no process ran must not make anything old.
fn begin(connection: &Connection, wall_ms: i64) -> rusqlite::Result<i64> {
    let newest_ms: Option<i64> = connection.query_row(NEWEST, [], |row| row.get(0))?;
    let begin_ms = newest_ms.map_or(wall_ms, |newest_ms| wall_ms.min(newest_ms));
    for sql in PULL_IN {
        connection.execute(sql, [begin_ms])?;
    }
    Ok(begin_ms)
}

const NEWEST: &str = "
    SELECT max(at) FROM (
        SELECT at FROM (SELECT begun_at AS at FROM payment ORDER BY sequence DESC LIMIT 1)
        UNION ALL
        SELECT max(coalesce(settled_tick, settled_at)) FROM payment WHERE settled_at IS NOT NULL
        UNION ALL
        SELECT at FROM (SELECT received_at AS at FROM inbox ORDER BY sequence DESC LIMIT 1))";

/// What an earlier version scheduled by a clock that was set back since then keeps its pause, counted from now.
const PULL_IN: [&str; 2] = [
    "UPDATE payment SET next_ask_at = ?1
     WHERE next_ask_at > ?1 + max(hold, coalesce(notice_within, 0), 900000)",
    "UPDATE inbox SET next_attempt_at = ?1 + next_attempt_at - scheduled_at
     WHERE next_attempt_at IS NOT NULL AND scheduled_at > ?1",
];
