-- Which run a cancel was meant for, so that a start that comes after it is not undone when that run ends. A hive of the
-- code before this writes neither column.
ALTER TABLE "attempt_sync" ADD COLUMN "cancelled_run" TEXT, ADD COLUMN "cancelled_at" TIMESTAMPTZ(6);
-- Cancels whose runs have not been seen to end: few, and looked at every minute.
CREATE INDEX "attempt_sync_cancelled_idx" ON "attempt_sync"("cancelled_at") WHERE "cancelled_at" IS NOT NULL;
