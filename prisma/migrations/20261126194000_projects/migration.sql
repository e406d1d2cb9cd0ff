-- Version 1: the projects that nodes report, and which of them are linked, that is mirrored.
CREATE TABLE "swarm_project" (
    "organization_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT,
    "metadata" JSON NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "swarm_project_pkey" PRIMARY KEY ("organization_id","id")
);

CREATE UNIQUE INDEX "swarm_project_organization_id_name_key" ON "swarm_project"("organization_id", "name");

ALTER TABLE "swarm_project" ADD CONSTRAINT "swarm_project_organization_id_fkey"
    FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;

CREATE TABLE "node_project" (
    "node_id" UUID NOT NULL,
    "local_project_id" UUID NOT NULL,
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "organization_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "git_repo_path" TEXT NOT NULL,
    "default_branch" TEXT NOT NULL,
    "swarm_project_id" UUID,
    "linked_at" TIMESTAMPTZ(6),
    "unlinked_at" TIMESTAMPTZ(6),
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "node_project_pkey" PRIMARY KEY ("node_id","local_project_id")
);

CREATE UNIQUE INDEX "node_project_node_id_swarm_project_id_key" ON "node_project"("node_id", "swarm_project_id");

CREATE INDEX "node_project_organization_id_swarm_project_id_idx" ON "node_project"("organization_id", "swarm_project_id");

ALTER TABLE "node_project" ADD CONSTRAINT "node_project_node_id_fkey"
    FOREIGN KEY ("node_id") REFERENCES "node"("id") ON DELETE CASCADE ON UPDATE CASCADE;

ALTER TABLE "node_project" ADD CONSTRAINT "node_project_organization_id_swarm_project_id_fkey"
    FOREIGN KEY ("organization_id", "swarm_project_id") REFERENCES "swarm_project"("organization_id","id")
    ON DELETE RESTRICT ON UPDATE CASCADE;

-- The session of the node that must log in again, because what its login told the node has changed.
ALTER TABLE "node_lease" ADD COLUMN "stale_fence" BIGINT;
