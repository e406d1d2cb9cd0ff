-- last_heartbeat_at as it was at the node's present login: what a version 1 node pushed later may be lost.
ALTER TABLE "node" ADD COLUMN "former_heard_at" TIMESTAMPTZ(6);
