import { z } from 'zod';
import { nullableTime, organizationId, storedText, time } from './common.js';
import { uuid } from '../../protocol/uuid.js';

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
    capabilities: z.looseObject({}).meta({ description: 'What the node said about itself when it connected.' }),
    public_url: z.string().nullable(),
    last_heartbeat_at: nullableTime,
    connected_at: nullableTime,
    disconnected_at: nullableTime,
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'Node' });

export const nodeList = z.array(node);

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
