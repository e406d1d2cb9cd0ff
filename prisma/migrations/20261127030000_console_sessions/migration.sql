-- Who is signed in to the console: a browser's cookie holds a secret, of which the hive keeps the hash.
CREATE TABLE "console_session" (
    "id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "role" "role" NOT NULL,
    "secret_hash" TEXT NOT NULL,
    "api_token_id" UUID,
    "subject_id" UUID,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_used_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,
    "ends_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "console_session_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "console_session_of_one" CHECK (num_nonnulls("api_token_id", "subject_id") = 1)
);

CREATE UNIQUE INDEX "console_session_secret_hash_key" ON "console_session"("secret_hash");
CREATE INDEX "console_session_organization_id_idx" ON "console_session"("organization_id");
CREATE INDEX "console_session_api_token_id_idx" ON "console_session"("api_token_id");

ALTER TABLE "console_session" ADD CONSTRAINT "console_session_organization_id_fkey"
    FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "console_session" ADD CONSTRAINT "console_session_api_token_id_fkey"
    FOREIGN KEY ("api_token_id") REFERENCES "api_token"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Links that sign in once, as whoever made them.
CREATE TABLE "console_link" (
    "id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "role" "role" NOT NULL,
    "token_hash" TEXT NOT NULL,
    "api_token_id" UUID,
    "subject_id" UUID,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,
    "session_ends_at" TIMESTAMPTZ(6),
    "used_at" TIMESTAMPTZ(6),

    CONSTRAINT "console_link_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "console_link_of_one" CHECK (num_nonnulls("api_token_id", "subject_id") = 1)
);

CREATE UNIQUE INDEX "console_link_token_hash_key" ON "console_link"("token_hash");
CREATE INDEX "console_link_organization_id_idx" ON "console_link"("organization_id");
CREATE INDEX "console_link_api_token_id_idx" ON "console_link"("api_token_id");

ALTER TABLE "console_link" ADD CONSTRAINT "console_link_organization_id_fkey"
    FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "console_link" ADD CONSTRAINT "console_link_api_token_id_fkey"
    FOREIGN KEY ("api_token_id") REFERENCES "api_token"("id") ON DELETE CASCADE ON UPDATE CASCADE;
