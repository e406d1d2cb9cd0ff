-- Each change of an attempt gets a position, higher than those of all changes before it. Writers only note which
-- attempts they have touched; one transaction at a time takes the notes and gives out positions (number-changes.ts), so
-- that a reader who has seen a position has seen all lower ones.

-- The notes. Writers append, and never wait for each other or for whoever takes them.
CREATE TABLE "attempt_touched" ("attempt_id" UUID NOT NULL);
-- It stays small, however much is written.
ALTER TABLE "attempt_touched" SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 100000);
-- A publication for all tables refuses deletions from a table that has neither this nor a key.
ALTER TABLE "attempt_touched" REPLICA IDENTITY FULL;

CREATE SEQUENCE "attempt_change_position" AS BIGINT;

-- One row for each attempt that there ever was, as it was when its newest position was given out.
CREATE TABLE "attempt_change" (
    "attempt_id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "node_id" UUID NOT NULL,
    "position" BIGINT NOT NULL,
    "changed_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted" BOOLEAN NOT NULL DEFAULT false,
    "arrival" BIGINT NOT NULL,
    "status" "execution_status",
    "sync_state" "sync_state" NOT NULL,
    "ended_executions" INTEGER NOT NULL,
    "lines_declared" BIGINT NOT NULL,
    "lines_stored" BIGINT NOT NULL,
    "branch" TEXT,
    "command" TEXT,

    CONSTRAINT "attempt_change_pkey" PRIMARY KEY ("attempt_id")
);

CREATE UNIQUE INDEX "attempt_change_organization_id_position_key" ON "attempt_change"("organization_id", "position");
CREATE INDEX "attempt_change_organization_id_status_arrival_idx"
    ON "attempt_change"("organization_id", "status", "arrival" DESC);

ALTER TABLE "attempt_change" ADD CONSTRAINT "attempt_change_organization_id_fkey"
    FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- How many attempts there are. Kept by whoever gives out positions. An attempt without executions has the status ''.
CREATE TABLE "attempt_count" (
    "organization_id" UUID NOT NULL,
    "status" TEXT NOT NULL,
    "sync_state" "sync_state" NOT NULL,
    "attempts" BIGINT NOT NULL,

    CONSTRAINT "attempt_count_pkey" PRIMARY KEY ("organization_id", "status", "sync_state")
);

ALTER TABLE "attempt_count" ADD CONSTRAINT "attempt_count_organization_id_fkey"
    FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- One row: when running executions were last compared with what has been told of them.
CREATE TABLE "feed_state" (
    "only" BOOLEAN NOT NULL DEFAULT true,
    "running_compared_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "feed_state_pkey" PRIMARY KEY ("only"),
    CONSTRAINT "feed_state_only_one" CHECK ("only")
);

-- Filters and views. Rows that are there get them when their nodes send them again.
ALTER TABLE "attempt" ADD COLUMN "branch" TEXT;
ALTER TABLE "execution" ADD COLUMN "ended_at" TIMESTAMPTZ(6);

-- Notes of statements, whoever makes them. The functions name the schema, because setting a search_path in each call costs
-- as much as the note itself, and what restores a dump has none.
DO $migration$ BEGIN
    EXECUTE format($functions$
        CREATE FUNCTION touch_attempts() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO %1$I.attempt_touched (attempt_id) SELECT DISTINCT attempt_id FROM touched WHERE attempt_id IS NOT NULL;
            RETURN NULL;
        END $$;

        CREATE FUNCTION touch_deleted_attempts() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO %1$I.attempt_touched (attempt_id) SELECT id FROM touched;
            RETURN NULL;
        END $$;

        CREATE FUNCTION touch_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO %1$I.attempt_touched (attempt_id) VALUES (NEW.id);
            RETURN NULL;
        END $$;

        CREATE FUNCTION touch_attempt_of_row() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.attempt_id IS NOT NULL THEN
                INSERT INTO %1$I.attempt_touched (attempt_id) VALUES (NEW.attempt_id);
            END IF;
            IF OLD.attempt_id IS DISTINCT FROM NEW.attempt_id AND OLD.attempt_id IS NOT NULL THEN
                INSERT INTO %1$I.attempt_touched (attempt_id) VALUES (OLD.attempt_id);
            END IF;
            RETURN NULL;
        END $$;
    $functions$, current_schema());
END $migration$;

-- An attempt's own row comes with one of attempt_sync.
CREATE TRIGGER "attempt_update_touches" AFTER UPDATE ON "attempt" FOR EACH ROW
    WHEN (OLD.revision <> NEW.revision OR OLD.execution_count <> NEW.execution_count OR OLD.arrival <> NEW.arrival
        OR OLD.node_id <> NEW.node_id OR OLD.organization_id <> NEW.organization_id OR OLD.created_at <> NEW.created_at
        OR OLD.title IS DISTINCT FROM NEW.title OR OLD.executor <> NEW.executor OR OLD.branch IS DISTINCT FROM NEW.branch
        OR OLD.shared_task_id IS DISTINCT FROM NEW.shared_task_id OR OLD.metadata::text <> NEW.metadata::text)
    EXECUTE FUNCTION touch_attempt();
CREATE TRIGGER "attempt_delete_touches" AFTER DELETE ON "attempt" REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION touch_deleted_attempts();

CREATE TRIGGER "attempt_sync_insert_touches" AFTER INSERT ON "attempt_sync" REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION touch_attempts();
CREATE TRIGGER "attempt_sync_update_touches" AFTER UPDATE ON "attempt_sync" FOR EACH ROW
    WHEN (OLD.state <> NEW.state OR OLD.requested_at IS DISTINCT FROM NEW.requested_at
        OR OLD.last_full_sync_at IS DISTINCT FROM NEW.last_full_sync_at OR OLD.attempt_id <> NEW.attempt_id)
    EXECUTE FUNCTION touch_attempt_of_row();
CREATE TRIGGER "attempt_sync_delete_touches" AFTER DELETE ON "attempt_sync" REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION touch_attempts();

-- Lines that come while an execution runs are not noted: whoever gives out positions compares them every few seconds.
CREATE TRIGGER "execution_insert_touches" AFTER INSERT ON "execution" REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION touch_attempts();
CREATE TRIGGER "execution_update_touches" AFTER UPDATE ON "execution" FOR EACH ROW
    WHEN (OLD.status <> NEW.status OR OLD.gone_from_node <> NEW.gone_from_node OR OLD.ordinal <> NEW.ordinal
        OR OLD.attempt_id IS DISTINCT FROM NEW.attempt_id OR OLD.exit_code IS DISTINCT FROM NEW.exit_code
        OR OLD.command IS DISTINCT FROM NEW.command OR OLD.ended_at IS DISTINCT FROM NEW.ended_at
        OR (NEW.status <> 'running' AND (OLD.stored_lines <> NEW.stored_lines OR OLD.stored_epoch <> NEW.stored_epoch
            OR OLD.declared_lines <> NEW.declared_lines OR OLD.log_epoch <> NEW.log_epoch)))
    EXECUTE FUNCTION touch_attempt_of_row();
CREATE TRIGGER "execution_delete_touches" AFTER DELETE ON "execution" REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION touch_attempts();

-- What is there already gets its positions in the order in which it came.
INSERT INTO "attempt_touched" ("attempt_id") SELECT "id" FROM "attempt" ORDER BY "arrival";
