-- Columns are renamed in place, which a hive of the code before this does not survive: nothing has been released yet.
-- A run holds an attempt; what a person cancelled is paused. The partial index follows the column's new name by itself.
ALTER TABLE "attempt_sync" RENAME COLUMN "held" TO "paused";
-- A page's bytes are called gzip everywhere, as in the node's own store.
ALTER TABLE "log_page" RENAME COLUMN "data" TO "gzip";
