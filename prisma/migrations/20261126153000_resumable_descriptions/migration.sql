-- How often an execution could not be read survives the step and the backfill that tried it.
ALTER TABLE "execution" ADD COLUMN "failed_reads" INTEGER NOT NULL DEFAULT 0,
  ADD COLUMN "failed_read_line" INTEGER NOT NULL DEFAULT 0;

-- A description that takes longer than a step goes on in the next one.
CREATE TABLE "description_part" (
    "attempt_id" UUID NOT NULL,
    "part" INTEGER NOT NULL,
    "revision" BIGINT NOT NULL,
    "execution_ids" UUID[],

    CONSTRAINT "description_part_pkey" PRIMARY KEY ("attempt_id", "part")
);

ALTER TABLE "description_part" ADD CONSTRAINT "description_part_attempt_id_fkey"
  FOREIGN KEY ("attempt_id") REFERENCES "attempt"("id") ON DELETE CASCADE ON UPDATE CASCADE;
