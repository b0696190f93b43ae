-- Times are milliseconds since the Unix epoch. Read with, for example:
--   select id, type, state, last_error, received from inbox_view where account = 'shop-th' order by sequence desc limit 20;

-- Notifications and how far their events got. Small columns only: this is what deliveries read and write all day.
CREATE TABLE inbox (
    sequence           INTEGER PRIMARY KEY,          -- order of arrival
    id                 TEXT    NOT NULL UNIQUE,      -- the event's id, the same on every delivery
    account            TEXT    NOT NULL,             -- the account it came for
    provider           TEXT    NOT NULL,             -- the provider profile
    reference          TEXT,                         -- the merchant's order id; events of one are delivered in order
    provider_reference TEXT,                         -- the provider's transaction id
    event_name         TEXT,                         -- the provider's name for the event
    kind               TEXT,                         -- payout, collection, refund, ...
    type               TEXT    NOT NULL,             -- the event's CloudEvents type
    status             TEXT,                         -- the normalised status
    dedupe_key         TEXT    NOT NULL,             -- what makes two notifications the same event
    text_hash          BLOB    NOT NULL,             -- SHA-256 of the signed text
    verified_by        TEXT,                         -- id of the provider key that verified the signature
    received_at        INTEGER NOT NULL,             -- when the first notification came
    duplicates         INTEGER NOT NULL DEFAULT 0,   -- further notifications that said the same
    last_seen_at       INTEGER NOT NULL,             -- when the last of them came
    state              TEXT    NOT NULL              -- pending and retrying are open, the others closed
                       CHECK (state IN ('pending', 'retrying', 'delivered', 'dead', 'discarded')),
    attempts           INTEGER NOT NULL DEFAULT 0,   -- delivery attempts since it was received or replayed
    first_attempt_at   INTEGER,                      -- when these attempts began
    next_attempt_at    INTEGER,                      -- due then; null: closed, or behind an earlier open event
    scheduled_at       INTEGER,                      -- what the clock said when next_attempt_at was set
    lease              INTEGER,                      -- set while it is being delivered, until next_attempt_at
    last_error         TEXT,                         -- why the last attempt failed
    delivered_at       INTEGER,                      -- when the application took it
    closed_at          INTEGER,                      -- when it was delivered, given up or discarded
    discard_reason     TEXT,                         -- why an operator discarded it
    replays            INTEGER NOT NULL DEFAULT 0,   -- how often an operator replayed it
    CHECK (next_attempt_at IS NULL OR state IN ('pending', 'retrying')),
    CHECK (lease IS NULL OR next_attempt_at IS NOT NULL)
) STRICT;

CREATE UNIQUE INDEX inbox_dedupe ON inbox (account, dedupe_key);
CREATE INDEX inbox_due ON inbox (account, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX inbox_reference ON inbox (account, reference, state) WHERE reference IS NOT NULL;
CREATE INDEX inbox_state ON inbox (account, state);
CREATE INDEX inbox_closed ON inbox (state, closed_at) WHERE closed_at IS NOT NULL;

-- The texts of an event, written once.
CREATE TABLE inbox_text (
    sequence INTEGER PRIMARY KEY,  -- inbox.sequence
    body     BLOB NOT NULL,        -- the notification's body as it came
    param    TEXT NOT NULL,        -- the signed text
    event    TEXT                  -- the event as JSON; null when the param could not be understood
) STRICT;

-- Every attempt to deliver an event.
CREATE TABLE delivery_attempt (
    sequence    INTEGER NOT NULL,  -- inbox.sequence
    attempt     INTEGER NOT NULL,  -- 1, 2, 3, ... over all replays
    started_at  INTEGER NOT NULL,  -- when it began
    duration_ms INTEGER NOT NULL,  -- how long it took
    http_status INTEGER,           -- the application's answer, if there was one
    error       TEXT,              -- null when the application took the event
    PRIMARY KEY (sequence, attempt)
) STRICT, WITHOUT ROWID;

-- Dedupe keys of events that were removed, so that a late repetition is still known.
CREATE TABLE inbox_seen (
    account      TEXT    NOT NULL,            -- the account it came for
    dedupe_key   TEXT    NOT NULL,            -- inbox.dedupe_key
    id           TEXT    NOT NULL,            -- the removed event's id
    text_hash    BLOB    NOT NULL,            -- inbox.text_hash
    duplicates   INTEGER NOT NULL,            -- further notifications that said the same
    last_seen_at INTEGER NOT NULL,            -- when the last of them came
    PRIMARY KEY (account, dedupe_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX inbox_seen_age ON inbox_seen (last_seen_at);

-- Events by account and state, kept up to date by the triggers below, so that metrics need not count a million rows.
CREATE TABLE inbox_count (
    account TEXT    NOT NULL,  -- the account
    state   TEXT    NOT NULL,  -- inbox.state
    events  INTEGER NOT NULL,  -- how many
    PRIMARY KEY (account, state)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER inbox_count_insert AFTER INSERT ON inbox BEGIN
    INSERT INTO inbox_count (account, state, events) VALUES (NEW.account, NEW.state, 1)
        ON CONFLICT (account, state) DO UPDATE SET events = events + 1;
END;

CREATE TRIGGER inbox_count_update AFTER UPDATE OF state ON inbox WHEN NEW.state <> OLD.state BEGIN
    UPDATE inbox_count SET events = events - 1 WHERE account = OLD.account AND state = OLD.state;
    INSERT INTO inbox_count (account, state, events) VALUES (NEW.account, NEW.state, 1)
        ON CONFLICT (account, state) DO UPDATE SET events = events + 1;
END;

CREATE TRIGGER inbox_count_delete AFTER DELETE ON inbox BEGIN
    UPDATE inbox_count SET events = events - 1 WHERE account = OLD.account AND state = OLD.state;
END;

-- One row; written to find out whether the store can be written.
CREATE TABLE store_probe (
    one    INTEGER PRIMARY KEY CHECK (one = 1),  -- always 1
    probes INTEGER NOT NULL                      -- how often it was asked
) STRICT;

INSERT INTO store_probe (one, probes) VALUES (1, 0);

-- For people: readable times, and what an open event waits for.
CREATE VIEW inbox_view AS
SELECT sequence, id, account, reference, type, state, attempts, duplicates, replays, last_error,
       datetime(received_at / 1000, 'unixepoch') AS received,
       datetime(next_attempt_at / 1000, 'unixepoch') AS next_attempt,
       datetime(closed_at / 1000, 'unixepoch') AS closed,
       CASE WHEN state NOT IN ('pending', 'retrying') THEN NULL
            WHEN lease IS NOT NULL THEN 'being delivered'
            WHEN next_attempt_at IS NULL THEN 'behind an earlier event of its reference'
            ELSE 'its next attempt' END AS waits_for
FROM inbox;

CREATE VIEW inbox_open AS
SELECT * FROM inbox_view WHERE state IN ('pending', 'retrying');
