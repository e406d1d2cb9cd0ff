-- Which words a page has, so that a search opens few pages. A filter goes with its page, or when its page's lines move
-- to another one. Without `bits`, the page is opened by every search.
CREATE TABLE "page_filter" (
    "execution_id" UUID NOT NULL,
    "log_epoch" INTEGER NOT NULL,
    "first_seq" INTEGER NOT NULL,
    "last_seq" INTEGER NOT NULL,
    "raw_bytes" INTEGER NOT NULL,
    "slots" INTEGER,
    "columns" SMALLINT,
    "seed" SMALLINT,
    "has_short_numbers" BOOLEAN,
    "bits" BIT VARYING,

    CONSTRAINT "page_filter_pkey" PRIMARY KEY ("execution_id","log_epoch","first_seq")
)
-- Filters stay in their rows: read one after the other, and never compressed.
WITH (toast_tuple_target = 8160);
ALTER TABLE "page_filter" ALTER COLUMN "bits" SET STORAGE EXTERNAL;

-- Executions some of whose pages may lack their filter.
CREATE TABLE "page_filter_backlog" (
    "execution_id" UUID NOT NULL,
    "since" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "page_filter_backlog_pkey" PRIMARY KEY ("execution_id")
);
CREATE INDEX "page_filter_backlog_since_idx" ON "page_filter_backlog"("since");
-- Before anything is locked, because it takes long where much is stored.
INSERT INTO "page_filter_backlog" ("execution_id")
  SELECT "id" FROM "execution" WHERE "compacted_epoch" = "stored_epoch" AND "stored_lines" > 0;

-- By a trigger, so that what hives of an older version compact is not forgotten. Storing a page does not set the column.
CREATE FUNCTION "await_page_filters"() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO page_filter_backlog (execution_id) VALUES (NEW.id)
    ON CONFLICT (execution_id) DO UPDATE SET since = clock_timestamp();
  RETURN NULL;
END $$;
CREATE TRIGGER "execution_await_page_filters" AFTER UPDATE OF "compacted_epoch" ON "execution" FOR EACH ROW
  WHEN (NEW."compacted_epoch" = NEW."stored_epoch" AND NEW."stored_lines" > 0) EXECUTE FUNCTION "await_page_filters"();

-- What was deleted or compacted meanwhile. Nobody else changes executions from the trigger on.
DELETE FROM "page_filter_backlog" b WHERE NOT EXISTS (SELECT FROM "execution" e WHERE e."id" = b."execution_id");
INSERT INTO "page_filter_backlog" ("execution_id")
  SELECT "id" FROM "execution" e WHERE "compacted_epoch" = "stored_epoch" AND "stored_lines" > 0
    AND NOT EXISTS (SELECT FROM "page_filter_backlog" b WHERE b."execution_id" = e."id");

ALTER TABLE "page_filter_backlog" ADD CONSTRAINT "page_filter_backlog_execution_id_fkey"
  FOREIGN KEY ("execution_id") REFERENCES "execution"("id") ON DELETE CASCADE ON UPDATE CASCADE;

ALTER TABLE "page_filter" ADD CONSTRAINT "page_filter_page_fkey"
  FOREIGN KEY ("execution_id","log_epoch","first_seq") REFERENCES "log_page"("execution_id","log_epoch","first_seq")
  ON DELETE CASCADE ON UPDATE CASCADE;
