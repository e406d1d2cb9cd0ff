-- A version 1 node's log was too large to be taken: how large, and until when it is not asked for again.
ALTER TABLE attempt_sync ADD COLUMN too_large TEXT, ADD COLUMN too_large_until TIMESTAMPTZ(6);
