-- What each node still owes is counted whenever nodes are listed, and must not cost a look at every complete attempt.
-- A changed state was no HOT update before either, because of attempt_sync_needs_backfill_idx.
CREATE INDEX "attempt_sync_incomplete_idx" ON "attempt_sync"("node_id", "state") WHERE "state" <> 'complete';
