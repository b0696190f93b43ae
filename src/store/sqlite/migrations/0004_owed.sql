-- Somebody was told to wait for a payment's end, or could not be told it: until an event tells of it, one is owed.
ALTER TABLE payment ADD COLUMN owes_event INTEGER NOT NULL DEFAULT 0;

CREATE INDEX payment_owed ON payment (account) WHERE owes_event = 1 AND settled_at IS NOT NULL;
