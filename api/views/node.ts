import type { z } from 'zod';
import type { NodeRow } from '../../prisma/queries/list-nodes.js';
import type { NodeApiKeyRow } from '../../prisma/queries/node-api-key.js';
import type { apiKey, node } from '../schemas/node.js';
import { iso } from '../schemas/common.js';

export function nodeView(row: NodeRow): z.input<typeof node> {
  return {
    id: row.id,
    organization_id: row.organizationId,
    name: row.name,
    machine_id: row.machineId,
    protocol_version: row.protocolVersion,
    status: row.status as z.input<typeof node>['status'],
    status_since: iso(row.statusSince),
    capabilities: row.capabilities as Record<string, unknown>,
    public_url: row.publicUrl,
    last_heartbeat_at: iso(row.lastHeartbeatAt),
    connected_at: iso(row.connectedAt),
    disconnected_at: iso(row.disconnectedAt),
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
    incomplete: {
      partial: row.partial,
      pending_backfill: row.pendingBackfill,
      unavailable: row.unavailable,
      running: row.running,
      lines_missing: row.linesMissing,
    },
  };
}

export function apiKeyView(row: NodeApiKeyRow): z.input<typeof apiKey> {
  return {
    id: row.id,
    organization_id: row.organizationId,
    name: row.name,
    key_prefix: row.keyPrefix,
    created_by: row.createdBy,
    last_used_at: iso(row.lastUsedAt),
    revoked_at: iso(row.revokedAt),
    created_at: row.createdAt.toISOString(),
    node_id: row.nodeId,
    takeover_count: row.takeoverCount,
    takeover_window_start: iso(row.takeoverWindowStart),
    blocked_at: iso(row.blockedAt),
    blocked_reason: row.blockedReason,
  };
}
