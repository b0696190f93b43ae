-- Two kinds of time. Dates are what the wall clock said, for people. What decides when something may happen is counted in
-- store time: it begins at the wall clock's time and then passes only as real time does, whatever the wall clock is set to;
-- while the machine is off it stands still. In store time are, from this version on:
--   payment: doubtful_since, last_absence_at, next_ask_at, held_until, and the two ticks below
--   inbox: first_attempt_at, next_attempt_at, and the two ticks below; inbox_seen: last_seen_at
-- The views show due times as dates. inbox.scheduled_at is no longer used.

-- One row; none before the first process of this version.
CREATE TABLE store_time (
    one    INTEGER PRIMARY KEY CHECK (one = 1),  -- always 1
    boot   TEXT,                                 -- which start of which machine; null: the system does not tell
    uptime INTEGER NOT NULL,                     -- that machine's uptime when this was written
    time   INTEGER NOT NULL,                     -- store time then
    wall   INTEGER NOT NULL                      -- the wall clock then
) STRICT;

-- In rows of earlier versions the ticks are null, and the dates beside them count.
ALTER TABLE payment ADD COLUMN last_attempt_tick INTEGER;  -- store time of last_attempt_at
ALTER TABLE payment ADD COLUMN settled_tick INTEGER;       -- store time of settled_at
ALTER TABLE inbox ADD COLUMN last_seen_tick INTEGER;       -- store time of last_seen_at
ALTER TABLE inbox ADD COLUMN closed_tick INTEGER;          -- store time of closed_at

DROP INDEX payment_settled;
CREATE INDEX payment_settled ON payment (coalesce(settled_tick, settled_at)) WHERE settled_at IS NOT NULL;
DROP INDEX inbox_closed;
CREATE INDEX inbox_closed ON inbox (state, coalesce(closed_tick, closed_at)) WHERE closed_at IS NOT NULL;

DROP VIEW payment_open;
DROP VIEW payment_view;
CREATE VIEW payment_view AS
SELECT sequence, id, account, operation, reference, generation, state, status, amount, currency, attempts, asks,
       provider_code, provider_reference,
       datetime(begun_at / 1000, 'unixepoch') AS begun,
       datetime((next_ask_at + (SELECT wall - time FROM store_time)) / 1000, 'unixepoch') AS next_ask,
       datetime(settled_at / 1000, 'unixepoch') AS settled
FROM payment;
CREATE VIEW payment_open AS
SELECT * FROM payment_view WHERE state IN ('ready', 'sending', 'unknown');

DROP VIEW inbox_open;
DROP VIEW inbox_view;
CREATE VIEW inbox_view AS
SELECT sequence, id, account, reference, type, state, attempts, duplicates, replays, last_error,
       datetime(received_at / 1000, 'unixepoch') AS received,
       datetime((next_attempt_at + (SELECT wall - time FROM store_time)) / 1000, 'unixepoch') AS next_attempt,
       datetime(closed_at / 1000, 'unixepoch') AS closed,
       CASE WHEN state NOT IN ('pending', 'retrying') THEN NULL
            WHEN lease IS NOT NULL THEN 'being delivered'
            WHEN next_attempt_at IS NULL THEN 'behind an earlier event of its reference'
            ELSE 'its next attempt' END AS waits_for
FROM inbox;
CREATE VIEW inbox_open AS
SELECT * FROM inbox_view WHERE state IN ('pending', 'retrying');
