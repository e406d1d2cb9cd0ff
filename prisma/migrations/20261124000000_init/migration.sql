-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "role" AS ENUM ('viewer', 'admin');

-- CreateEnum
CREATE TYPE "sync_state" AS ENUM ('partial', 'pending_backfill', 'complete', 'unavailable');

-- CreateEnum
CREATE TYPE "execution_status" AS ENUM ('running', 'completed', 'failed', 'killed');

-- CreateTable
CREATE TABLE "organization" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "organization_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_token" (
    "id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "role" "role" NOT NULL,
    "token_prefix" TEXT NOT NULL,
    "token_hash" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(6),
    "revoked_at" TIMESTAMPTZ(6),
    "last_used_at" TIMESTAMPTZ(6),

    CONSTRAINT "api_token_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "node_api_key" (
    "id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "key_prefix" TEXT NOT NULL,
    "key_hash" TEXT NOT NULL,
    "created_by" UUID,
    "node_id" UUID,
    "machine_id" TEXT,
    "last_used_at" TIMESTAMPTZ(6),
    "revoked_at" TIMESTAMPTZ(6),
    "takeover_count" INTEGER NOT NULL DEFAULT 0,
    "takeover_window_start" TIMESTAMPTZ(6),
    "blocked_at" TIMESTAMPTZ(6),
    "blocked_reason" TEXT,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "node_api_key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "node" (
    "id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "machine_id" TEXT NOT NULL,
    "protocol_version" INTEGER NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'online',
    "capabilities" JSON NOT NULL,
    "public_url" TEXT,
    "last_heartbeat_at" TIMESTAMPTZ(6),
    "connected_at" TIMESTAMPTZ(6),
    "disconnected_at" TIMESTAMPTZ(6),
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "node_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "node_lease" (
    "node_id" UUID NOT NULL,
    "queue" TEXT NOT NULL,
    "instance_id" TEXT NOT NULL,
    "session_id" UUID NOT NULL,
    "fence" BIGINT NOT NULL,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "node_lease_pkey" PRIMARY KEY ("node_id")
);

-- CreateTable
CREATE TABLE "attempt" (
    "id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "node_id" UUID NOT NULL,
    "revision" BIGINT NOT NULL,
    "described_revision" BIGINT NOT NULL DEFAULT -1,
    "execution_count" INTEGER NOT NULL,
    "executor" TEXT NOT NULL,
    "shared_task_id" UUID,
    "created_at" TIMESTAMPTZ(6) NOT NULL,
    "metadata" JSON NOT NULL,

    CONSTRAINT "attempt_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "attempt_sync" (
    "attempt_id" UUID NOT NULL,
    "node_id" UUID NOT NULL,
    "state" "sync_state" NOT NULL DEFAULT 'partial',
    "needs_backfill" BOOLEAN NOT NULL DEFAULT false,
    "retry_at" TIMESTAMPTZ(6),
    "held" BOOLEAN NOT NULL DEFAULT false,
    "idle_backfills" INTEGER NOT NULL DEFAULT 0,
    "requested_at" TIMESTAMPTZ(6),
    "last_full_sync_at" TIMESTAMPTZ(6),
    "run_id" TEXT,
    "last_error" TEXT,
    "unavailable_reason" TEXT,
    "attempt_created_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "attempt_sync_pkey" PRIMARY KEY ("attempt_id")
);

-- CreateTable
CREATE TABLE "execution" (
    "id" UUID NOT NULL,
    "attempt_id" UUID NOT NULL,
    "node_id" UUID NOT NULL,
    "ordinal" INTEGER NOT NULL,
    "revision" BIGINT NOT NULL,
    "status" "execution_status" NOT NULL,
    "declared_lines" INTEGER NOT NULL,
    "log_epoch" INTEGER NOT NULL,
    "stored_lines" INTEGER NOT NULL DEFAULT 0,
    "stored_epoch" INTEGER NOT NULL,
    "stdout_lines" INTEGER NOT NULL DEFAULT 0,
    "stderr_lines" INTEGER NOT NULL DEFAULT 0,
    "system_lines" INTEGER NOT NULL DEFAULT 0,
    "has_gap" BOOLEAN NOT NULL DEFAULT false,
    "set_aside_reason" TEXT,
    "gone_from_node" BOOLEAN NOT NULL DEFAULT false,
    "replaced_at" TIMESTAMPTZ(6),
    "created_at" TIMESTAMPTZ(6) NOT NULL,
    "metadata" JSON NOT NULL,

    CONSTRAINT "execution_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "log_page" (
    "execution_id" UUID NOT NULL,
    "log_epoch" INTEGER NOT NULL,
    "first_seq" INTEGER NOT NULL,
    "last_seq" INTEGER NOT NULL,
    "stdout_lines" INTEGER NOT NULL,
    "stderr_lines" INTEGER NOT NULL,
    "system_lines" INTEGER NOT NULL,
    "raw_bytes" INTEGER NOT NULL,
    "data" BYTEA NOT NULL,
    "stored_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "log_page_pkey" PRIMARY KEY ("execution_id","log_epoch","first_seq")
);

-- CreateIndex
CREATE UNIQUE INDEX "organization_name_key" ON "organization"("name");

-- CreateIndex
CREATE UNIQUE INDEX "api_token_token_hash_key" ON "api_token"("token_hash");

-- CreateIndex
CREATE INDEX "api_token_organization_id_idx" ON "api_token"("organization_id");

-- CreateIndex
CREATE UNIQUE INDEX "node_api_key_key_hash_key" ON "node_api_key"("key_hash");

-- CreateIndex
CREATE INDEX "node_api_key_organization_id_idx" ON "node_api_key"("organization_id");

-- CreateIndex
CREATE INDEX "node_api_key_node_id_idx" ON "node_api_key"("node_id");

-- CreateIndex
CREATE INDEX "node_organization_id_machine_id_idx" ON "node"("organization_id", "machine_id");

-- CreateIndex
CREATE INDEX "attempt_organization_id_created_at_id_idx" ON "attempt"("organization_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "attempt_organization_id_shared_task_id_idx" ON "attempt"("organization_id", "shared_task_id");

-- CreateIndex
CREATE INDEX "attempt_node_id_idx" ON "attempt"("node_id");

-- CreateIndex
CREATE UNIQUE INDEX "execution_attempt_id_ordinal_key" ON "execution"("attempt_id", "ordinal");

-- AddForeignKey
ALTER TABLE "api_token" ADD CONSTRAINT "api_token_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "node_api_key" ADD CONSTRAINT "node_api_key_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "node_api_key" ADD CONSTRAINT "node_api_key_node_id_fkey" FOREIGN KEY ("node_id") REFERENCES "node"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "node" ADD CONSTRAINT "node_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "node_lease" ADD CONSTRAINT "node_lease_node_id_fkey" FOREIGN KEY ("node_id") REFERENCES "node"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "attempt" ADD CONSTRAINT "attempt_node_id_fkey" FOREIGN KEY ("node_id") REFERENCES "node"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "attempt_sync" ADD CONSTRAINT "attempt_sync_attempt_id_fkey" FOREIGN KEY ("attempt_id") REFERENCES "attempt"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "execution" ADD CONSTRAINT "execution_attempt_id_fkey" FOREIGN KEY ("attempt_id") REFERENCES "attempt"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "log_page" ADD CONSTRAINT "log_page_execution_id_fkey" FOREIGN KEY ("execution_id") REFERENCES "execution"("id") ON DELETE CASCADE ON UPDATE CASCADE;



-- Fences order a node's sessions over all hives and restarts; a sequence never hands one out twice.
CREATE SEQUENCE "lease_fence" AS BIGINT;

-- What the triggers look at: everything that is complete, or needs nothing, stays out of it.
CREATE INDEX "attempt_sync_needs_backfill_idx" ON "attempt_sync"("node_id", "attempt_created_at" DESC, "attempt_id" DESC)
  WHERE "needs_backfill" AND "state" <> 'complete' AND NOT "held";
CREATE INDEX "attempt_sync_pending_idx" ON "attempt_sync"("requested_at") WHERE "state" = 'pending_backfill';

-- Pages are gzip already; compressing them again costs time and gains nothing.
ALTER TABLE "log_page" ALTER COLUMN "data" SET STORAGE EXTERNAL;
