-- What serving protocol version 1 (original vk-swarm nodes) needs: tasks, a live cursor per execution, and the requests
-- whose answers are still owed.

-- AlterTable
ALTER TABLE "execution" ADD COLUMN "live_cursor" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "execution" ADD COLUMN "live_lost_line" TEXT;

-- CreateTable
CREATE TABLE "task" (
    "id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "node_id" UUID NOT NULL,
    "local_task_id" UUID NOT NULL,
    "title" TEXT NOT NULL,
    "description" TEXT,
    "status" TEXT NOT NULL,
    "version" BIGINT NOT NULL,
    "metadata" JSON NOT NULL,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "task_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "backfill_request" (
    "id" UUID NOT NULL,
    "seq" BIGSERIAL NOT NULL,
    "node_id" UUID NOT NULL,
    "attempt_id" UUID NOT NULL,
    "waiting_since" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "backfill_request_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "task_node_id_local_task_id_idx" ON "task"("node_id", "local_task_id");

-- CreateIndex
CREATE INDEX "backfill_request_node_id_idx" ON "backfill_request"("node_id");

-- AddForeignKey
ALTER TABLE "task" ADD CONSTRAINT "task_node_id_fkey" FOREIGN KEY ("node_id") REFERENCES "node"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "backfill_request" ADD CONSTRAINT "backfill_request_node_id_fkey" FOREIGN KEY ("node_id") REFERENCES "node"("id") ON DELETE CASCADE ON UPDATE CASCADE;
