-- Times are milliseconds since the Unix epoch. Read with, for example:
--   select id, reference, state, attempts, asks, begun from payment_open where account = 'shop-th';

-- Money-moving calls and what is known of them. Small columns only.
CREATE TABLE payment (
    sequence           INTEGER PRIMARY KEY,          -- order of beginning
    id                 TEXT    NOT NULL UNIQUE,      -- the payment's id, for logs and operators
    account            TEXT    NOT NULL,             -- the account it is made for
    provider           TEXT    NOT NULL,             -- the provider profile
    operation          TEXT    NOT NULL,             -- payout_create, refund_create, ...
    kind               TEXT,                         -- what its notifications are about: payout, refund, ...
    reference          TEXT    NOT NULL,             -- the merchant's order id
    generation         INTEGER NOT NULL,             -- 1, 2, ...: a rejected or unsent reference may be used again
    fingerprint        BLOB    NOT NULL,             -- SHA-256 of the parameters' canonical form
    amount             INTEGER,                      -- minor units
    currency           TEXT,                         -- ISO 4217
    provider_reference TEXT,                         -- the provider's transaction id
    state              TEXT    NOT NULL              -- the first three are open, the others settled
                       CHECK (state IN ('ready', 'sending', 'unknown', 'accepted', 'rejected', 'not_sent')),
    attempts           INTEGER NOT NULL,             -- attempts announced
    open_attempts      INTEGER NOT NULL,             -- bit n: how attempt n ended is not known
    told               TEXT    NOT NULL              -- what the provider last said to a create
                       CHECK (told IN ('nothing', 'not_now', 'refused', 'duplicate')),
    doubtful_since     INTEGER,                      -- the last moment at which a create may have left
    absences           INTEGER NOT NULL,             -- "not found" answers since then that count
    last_absence_at    INTEGER NOT NULL,             -- when the last of them was asked for
    status             TEXT,                         -- what became of it at the provider
    provider_code      INTEGER,                      -- the code of the last answer to a create
    begun_at           INTEGER NOT NULL,             -- when it was written down
    last_attempt_at    INTEGER,                      -- when the last attempt was announced
    settled_at         INTEGER,                      -- when it was settled
    asks               INTEGER NOT NULL,             -- how often the provider was asked about it
    next_ask_at        INTEGER,                      -- when it is to be asked about next, or a claim runs out
    notice_within      INTEGER,                      -- how long a notification may take before it is asked about
    notified_at        INTEGER,                      -- when a notification told of it
    holder             TEXT    NOT NULL,             -- the process that begins or attempts it
    hold               INTEGER NOT NULL,             -- for how long a step of that process counts
    held_until         INTEGER NOT NULL,             -- when it no longer does
    amount_differs     INTEGER NOT NULL,             -- 1: something else was told than was sent
    contradicted       INTEGER NOT NULL,             -- 1: the provider has it after all
    UNIQUE (account, operation, reference, generation),
    CHECK ((settled_at IS NOT NULL) = (state IN ('accepted', 'rejected', 'not_sent')))
) STRICT;

CREATE INDEX payment_notice ON payment (account, kind, reference);
CREATE INDEX payment_provider_reference ON payment (account, provider_reference) WHERE provider_reference IS NOT NULL;
CREATE INDEX payment_due ON payment (account, state, next_ask_at) WHERE next_ask_at IS NOT NULL;
CREATE INDEX payment_held ON payment (state, held_until) WHERE state IN ('ready', 'sending');
CREATE INDEX payment_unsettled ON payment (account, state, begun_at) WHERE state IN ('ready', 'sending', 'unknown');
CREATE INDEX payment_settled ON payment (settled_at) WHERE settled_at IS NOT NULL;

-- The texts of a payment.
CREATE TABLE payment_text (
    sequence      INTEGER PRIMARY KEY,  -- payment.sequence
    parameters    TEXT NOT NULL,        -- what the application posted
    answer_status INTEGER,              -- HTTP status of the provider's answer
    answer        BLOB,                 -- the provider's answer, as it is repeated to a caller
    answer_from   TEXT                  -- create, or query when the create's own answer was lost
                  CHECK (answer_from IN ('create', 'query'))
) STRICT;

-- Everything that happened to a payment.
CREATE TABLE payment_history (
    sequence INTEGER NOT NULL,  -- payment.sequence
    entry    INTEGER NOT NULL,  -- 1, 2, 3, ...
    at       INTEGER NOT NULL,  -- when
    what     TEXT    NOT NULL,  -- begun, sending, answered, asked, ...
    attempt  INTEGER,           -- the attempt it is about
    state    TEXT    NOT NULL,  -- the state it led to
    detail   TEXT,              -- codes and reasons
    PRIMARY KEY (sequence, entry)
) STRICT, WITHOUT ROWID;

-- Accounts for which nothing that moves money may leave.
CREATE TABLE freeze (
    account TEXT PRIMARY KEY,  -- the account
    reason  TEXT    NOT NULL,  -- the operator's words
    since   INTEGER NOT NULL   -- since when
) STRICT, WITHOUT ROWID;

-- For people: readable times.
CREATE VIEW payment_view AS
SELECT sequence, id, account, operation, reference, generation, state, status, amount, currency, attempts, asks,
       provider_code, provider_reference,
       datetime(begun_at / 1000, 'unixepoch') AS begun,
       datetime(next_ask_at / 1000, 'unixepoch') AS next_ask,
       datetime(settled_at / 1000, 'unixepoch') AS settled
FROM payment;

CREATE VIEW payment_open AS
SELECT * FROM payment_view WHERE state IN ('ready', 'sending', 'unknown');
