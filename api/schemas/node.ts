import { z } from 'zod';
import { count, nullableTime, organizationId, storedText, time } from './common.js';
import { uuid } from '../../protocol/uuid.js';

const incompleteAttempts = z
  .strictObject({
    partial: count,
    pending_backfill: count,
    unavailable: count.meta({ description: 'What is missing of them will not come.' }),
    running: count.meta({
      description:
        'Attempts among the `partial` and `pending_backfill` ones that run: their lines come as they are printed.',
    }),
    lines_missing: count.meta({
      description:
        'Lines of the `partial` and `pending_backfill` ones that the node has and the hive has not stored yet.',
    }),
  })
  .meta({
    id: 'IncompleteAttempts',
    description:
      'The node’s attempts that the hive does not have in full, by their `sync_state`: what the node still owes.',
  });

export const node = z
  .strictObject({
    id: uuid,
    organization_id: uuid,
    name: z.string(),
    machine_id: z.string(),
    protocol_version: z.int(),
    status: z
      .enum(['online', 'busy', 'draining', 'offline'])
      .meta({ description: '`offline`: no hive has a socket of the node.' }),
    status_since: nullableTime.meta({
      description: 'Since when it has been connected, or offline; null if it was never connected.',
    }),
    capabilities: z.looseObject({}).meta({ description: 'What the node said about itself when it connected.' }),
    public_url: z.string().nullable(),
    last_heartbeat_at: nullableTime,
    connected_at: nullableTime,
    disconnected_at: nullableTime,
    created_at: time,
    updated_at: time,
    incomplete: incompleteAttempts,
  })
  .meta({ id: 'Node' });

export const nodeList = z.array(node);

export const mirrored = z
  .strictObject({
    attempts: count,
    executions: count,
    lines: count.meta({ description: 'Stored log lines.' }),
  })
  .meta({ id: 'Mirrored', description: 'What the hive has from a node, and would lose if the node were deleted.' });

export const apiKey = z
  .strictObject({
    id: uuid,
    organization_id: uuid,
    name: z.string(),
    key_prefix: z.string().meta({ description: 'The secret’s first 8 characters.' }),
    created_by: uuid.nullable(),
    last_used_at: nullableTime,
    revoked_at: nullableTime,
    created_at: time,
    node_id: uuid.nullable(),
    takeover_count: z.int(),
    takeover_window_start: nullableTime,
    blocked_at: nullableTime,
    blocked_reason: z.string().nullable(),
  })
  .meta({ id: 'ApiKey', description: 'A node’s credential. It is bound to the first machine that uses it.' });

export const apiKeyList = z.array(apiKey);

export const newApiKey = z
  .strictObject({ name: storedText(256).trim().min(1), organization_id: organizationId })
  .meta({ id: 'NewApiKey' });

export const createdApiKey = z
  .strictObject({
    api_key: apiKey,
    secret: z.string().meta({ description: '64 hexadecimal digits. Shown only in this response.' }),
  })
  .meta({ id: 'CreatedApiKey' });
