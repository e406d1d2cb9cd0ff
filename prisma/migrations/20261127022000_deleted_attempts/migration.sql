ALTER TABLE "api_token" ADD COLUMN "created_by" UUID;

-- An attempt that was deleted, so that nobody who announces it brings it back.
CREATE TABLE "deleted_attempt" (
    "attempt_id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "node_id" UUID NOT NULL,
    "machine_id" TEXT NOT NULL,
    "deleted_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_by" UUID,
    "forgotten_at" TIMESTAMPTZ(6),

    CONSTRAINT "deleted_attempt_pkey" PRIMARY KEY ("attempt_id")
);
CREATE INDEX "deleted_attempt_organization_id_deleted_at_idx" ON "deleted_attempt"("organization_id", "deleted_at" DESC);
-- what connected nodes have still to be told
CREATE INDEX "deleted_attempt_unforgotten" ON "deleted_attempt"("node_id") WHERE "forgotten_at" IS NULL;
ALTER TABLE "deleted_attempt" ADD CONSTRAINT "deleted_attempt_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Every way in, and hives of earlier versions: the insert of a deleted attempt does nothing.
DO $migration$ BEGIN
    EXECUTE format($function$
        CREATE FUNCTION skip_deleted_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT FROM %1$I.deleted_attempt WHERE attempt_id = NEW.id) THEN
                RETURN NULL;
            END IF;
            RETURN NEW;
        END $$;
    $function$, current_schema());
END $migration$;
CREATE TRIGGER "skip_deleted" BEFORE INSERT ON "attempt" FOR EACH ROW EXECUTE FUNCTION "skip_deleted_attempt"();

-- The executions of a deleted attempt belong to no attempt any more. Their pages go in steps.
ALTER TABLE "execution" ALTER COLUMN "attempt_id" DROP NOT NULL;
CREATE INDEX "execution_of_deleted" ON "execution"("id") WHERE "attempt_id" IS NULL;
