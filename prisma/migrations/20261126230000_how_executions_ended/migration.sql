-- Lists show how an attempt ended and what it ran, which is in the json that the node sent. That can hold U+0000 and lone
-- surrogates, which PostgreSQL's text can't: it stays empty for such rows until their node sends them again.
ALTER TABLE "execution"
    ADD COLUMN "exit_code" INTEGER,
    ADD COLUMN "command" TEXT,
    ADD COLUMN "masked" INTEGER NOT NULL DEFAULT 0;
UPDATE "execution" SET
    "exit_code" = ("metadata" ->> 'exit_code')::int,
    "command" = left("metadata" -> 'executor_action' -> 'typ' ->> 'script', 500)
WHERE CASE WHEN "metadata"::text ~* '\\u(0000|d[89a-f])' THEN false
           ELSE COALESCE("metadata" ->> 'exit_code', "metadata" -> 'executor_action' -> 'typ' ->> 'script') IS NOT NULL END;

-- The title as text: the Temporal UI shows it with the attempt's backfills.
ALTER TABLE "attempt" ADD COLUMN "title" TEXT;
UPDATE "attempt" SET "title" = "metadata" ->> 'title'
WHERE CASE WHEN "metadata"::text ~* '\\u(0000|d[89a-f])' THEN false ELSE "metadata" ->> 'title' IS NOT NULL END;

-- Lists ask of each attempt whether one of its executions runs.
CREATE INDEX "execution_running_attempt_idx" ON "execution"("attempt_id") WHERE "status" = 'running';
