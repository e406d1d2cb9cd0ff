-- What an organisation's own programs are told: receivers, and the events that they get.
CREATE TYPE "webhook_event_state" AS ENUM ('waiting', 'delivered', 'given_up');

CREATE TABLE "webhook" (
    "id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "url" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "events" TEXT[] NOT NULL,
    "offline_minutes" INTEGER NOT NULL,
    "secret" TEXT NOT NULL,
    "former_secret" TEXT,
    "former_secret_until" TIMESTAMPTZ(6),
    "created_by" UUID,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_delivery_at" TIMESTAMPTZ(6),
    "last_error" TEXT,
    "failing_since" TIMESTAMPTZ(6),
    "failed_at" TIMESTAMPTZ(6),
    "failures" INTEGER NOT NULL DEFAULT 0,
    "probe_at" TIMESTAMPTZ(6),

    CONSTRAINT "webhook_pkey" PRIMARY KEY ("id")
);

CREATE INDEX "webhook_organization_id_created_at_idx" ON "webhook"("organization_id", "created_at");

ALTER TABLE "webhook" ADD CONSTRAINT "webhook_organization_id_fkey"
    FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;

CREATE TABLE "webhook_event" (
    "id" UUID NOT NULL,
    "number" BIGSERIAL NOT NULL,
    "webhook_id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "type" TEXT NOT NULL,
    "subject_id" UUID NOT NULL,
    "attempt_id" UUID,
    "node_id" UUID,
    "position" BIGINT NOT NULL,
    "status" TEXT,
    "sync_state" TEXT,
    "occurred_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "state" "webhook_event_state" NOT NULL DEFAULT 'waiting',
    "handed_at" TIMESTAMPTZ(6),
    "tries" INTEGER NOT NULL DEFAULT 0,
    "last_status" INTEGER,
    "last_error" TEXT,
    "last_answer" TEXT,
    "next_try_at" TIMESTAMPTZ(6),
    "ended_at" TIMESTAMPTZ(6),

    CONSTRAINT "webhook_event_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "webhook_event_webhook_id_subject_id_type_position_key"
    ON "webhook_event"("webhook_id", "subject_id", "type", "position");
CREATE UNIQUE INDEX "webhook_event_webhook_id_number_key" ON "webhook_event"("webhook_id", "number");
-- the next event of a subject
CREATE INDEX "webhook_event_waiting_idx" ON "webhook_event"("webhook_id", "subject_id", "position", "number")
    WHERE state = 'waiting';
-- which subjects are handed over next, and how many are
CREATE INDEX "webhook_event_handed_idx" ON "webhook_event"("webhook_id", "handed_at", "number") WHERE state = 'waiting';
CREATE INDEX "webhook_event_too_old_idx" ON "webhook_event"("created_at") WHERE state = 'waiting';
CREATE INDEX "webhook_event_ended_idx" ON "webhook_event"("ended_at") WHERE ended_at IS NOT NULL;

ALTER TABLE "webhook_event" ADD CONSTRAINT "webhook_event_webhook_id_fkey"
    FOREIGN KEY ("webhook_id") REFERENCES "webhook"("id") ON DELETE CASCADE ON UPDATE CASCADE;
