-- Filters have the words that stand after a colour or an escape now, which those made before lack: they are made anew.
TRUNCATE "page_filter";
INSERT INTO "page_filter_backlog" ("execution_id")
  SELECT "id" FROM "execution" WHERE "compacted_epoch" = "stored_epoch" AND "stored_lines" > 0
  ON CONFLICT DO NOTHING;
