-- What a hive has acknowledged to nodes is older than its next marker: nodes hold markers against a database that went
-- back to an earlier state.
CREATE TABLE "history_marker" (
    "id" UUID NOT NULL,
    "instance_id" TEXT NOT NULL,
    "written_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "history_marker_pkey" PRIMARY KEY ("id")
);

CREATE INDEX "history_marker_written_at_idx" ON "history_marker"("written_at");
