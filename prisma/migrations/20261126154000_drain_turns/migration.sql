-- When the schedule last requested the node's drain. Nodes take turns: the one that has waited longest comes first.
ALTER TABLE "node" ADD COLUMN "drain_turn_at" TIMESTAMPTZ(6);
