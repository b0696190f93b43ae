-- Where a payment was made: only that place can say that it is not there. Null in rows from before this column, until they
-- are asked about.
ALTER TABLE payment ADD COLUMN place TEXT;

-- Accounts that were renamed, and what they are called now. Rows keep the name they were written under; whoever looks for
-- one looks under every name of its account. Accounts that always had one name are not in it.
CREATE TABLE account_name (
    name    TEXT PRIMARY KEY,  -- a name, the one in use included
    account TEXT NOT NULL      -- the one in use
) STRICT, WITHOUT ROWID;

CREATE INDEX account_name_account ON account_name (account);
