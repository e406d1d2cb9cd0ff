-- One-time tokens with which a machine gets a node's key of its own.
CREATE TABLE "node_invite" (
    "id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "token_prefix" TEXT NOT NULL,
    "token_hash" TEXT NOT NULL,
    "created_by" UUID,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,
    "used_at" TIMESTAMPTZ(6),
    "api_key_id" UUID,

    CONSTRAINT "node_invite_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "node_invite_token_hash_key" ON "node_invite"("token_hash");

CREATE INDEX "node_invite_organization_id_created_at_idx" ON "node_invite"("organization_id", "created_at" DESC);

ALTER TABLE "node_invite" ADD CONSTRAINT "node_invite_organization_id_fkey"
    FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;

ALTER TABLE "node_invite" ADD CONSTRAINT "node_invite_api_key_id_fkey"
    FOREIGN KEY ("api_key_id") REFERENCES "node_api_key"("id") ON DELETE SET NULL ON UPDATE CASCADE;
