-- One row: what this database's hives and workers call themselves in Temporal. The first hive makes it.
CREATE TABLE "installation" (
    "only" BOOLEAN NOT NULL DEFAULT true,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "name_in_use" TEXT NOT NULL,
    "former_name" TEXT,

    CONSTRAINT "installation_pkey" PRIMARY KEY ("only"),
    CONSTRAINT "installation_only_one" CHECK ("only")
);

-- A database that has been in use keeps the ids without a name, so that its running workflows are still found.
INSERT INTO "installation" ("id", "name", "name_in_use")
SELECT gen_random_uuid(), '', '' WHERE EXISTS (SELECT FROM "api_token") OR EXISTS (SELECT FROM "node");
