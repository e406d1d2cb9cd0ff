-- Version 1 nodes never say that an execution has ended, so the hive asks them. An ask is a request that brings no
-- lines and is about several attempts.
ALTER TABLE "backfill_request" ALTER COLUMN "attempt_id" DROP NOT NULL;
-- Which session sent the request: what an earlier one left unanswered keeps no later one from asking.
ALTER TABLE "backfill_request" ADD COLUMN "fence" BIGINT;

-- What readers want the hive to ask a version 1 node about.
CREATE TABLE "attempt_look" (
    "attempt_id" UUID NOT NULL,
    "node_id" UUID NOT NULL,
    "wanted_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "looked_at" TIMESTAMPTZ(6),

    CONSTRAINT "attempt_look_pkey" PRIMARY KEY ("attempt_id")
);

-- Not to the attempt: a reader must not wait for whoever has locked it.
ALTER TABLE "attempt_look" ADD CONSTRAINT "attempt_look_node_id_fkey"
    FOREIGN KEY ("node_id") REFERENCES "node"("id") ON DELETE CASCADE ON UPDATE CASCADE;

CREATE INDEX "attempt_look_node_id_idx" ON "attempt_look"("node_id");
CREATE INDEX "attempt_look_wanted_idx" ON "attempt_look"("node_id") WHERE "looked_at" IS NULL;

-- A node's running executions, however many have ended.
CREATE INDEX "execution_running_idx" ON "execution"("node_id", "attempt_id")
    WHERE "status" = 'running' AND NOT "gone_from_node";

-- A node's attempts, newest first; it also serves what the index on the node alone did.
CREATE INDEX "attempt_node_id_created_at_id_idx" ON "attempt"("node_id", "created_at" DESC, "id" DESC);
DROP INDEX "attempt_node_id_idx";
