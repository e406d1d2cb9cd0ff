-- AlterTable
ALTER TABLE "execution" ADD COLUMN "compacted_epoch" INTEGER;

-- What compaction has still to look at. Storing a page changes none of its columns but when an epoch is replaced, so
-- that storing stays a heap-only update.
CREATE INDEX "execution_compaction_idx" ON "execution"("id")
  WHERE "status" <> 'running' AND "compacted_epoch" IS DISTINCT FROM "stored_epoch";
