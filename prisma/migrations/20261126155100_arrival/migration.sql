-- Lists are ordered by when an attempt came to the hive: its node's clock may be wrong, and it may come late.
-- Attempts that are there already have come in the order in which they were made, as far as is known.
CREATE SEQUENCE "attempt_arrival_seq" AS BIGINT;
ALTER TABLE "attempt" ADD COLUMN "arrived_at" TIMESTAMPTZ(6), ADD COLUMN "arrival" BIGINT;
UPDATE "attempt" SET "arrival" = known."number", "arrived_at" = LEAST("created_at", now())
FROM (SELECT "id", row_number() OVER (ORDER BY "created_at", "id") AS "number" FROM "attempt") AS known
WHERE known."id" = "attempt"."id";
SELECT setval('attempt_arrival_seq', (SELECT count(*) + 1 FROM "attempt"), false);
ALTER TABLE "attempt"
    ALTER COLUMN "arrived_at" SET DEFAULT CURRENT_TIMESTAMP, ALTER COLUMN "arrived_at" SET NOT NULL,
    ALTER COLUMN "arrival" SET DEFAULT nextval('attempt_arrival_seq'), ALTER COLUMN "arrival" SET NOT NULL;
ALTER SEQUENCE "attempt_arrival_seq" OWNED BY "attempt"."arrival";

CREATE INDEX "attempt_organization_id_arrival_idx" ON "attempt"("organization_id", "arrival" DESC);
