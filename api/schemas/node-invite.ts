import { z } from 'zod';
import { uuid } from '../../protocol/uuid.js';
import { nullableTime, organizationId, storedText, time } from './common.js';

export const MAX_INVITE_MINUTES = 7 * 24 * 60;
export const DEFAULT_INVITE_MINUTES = 60;

export const nodeInvite = z
  .strictObject({
    id: uuid,
    token_prefix: z.string().meta({ description: 'The token’s first 13 characters.' }),
    status: z.enum(['open', 'used', 'expired']),
    created_by: uuid.nullable(),
    created_at: time,
    expires_at: time,
    used_at: nullableTime,
    api_key_id: uuid.nullable().meta({ description: 'The key that was made for the machine that used it.' }),
  })
  .meta({ id: 'NodeInvite', description: 'A one-time token with which a machine gets a key of its own.' });

export const nodeInviteList = z.array(nodeInvite);

export const newNodeInvite = z
  .strictObject({
    expires_in_minutes: z.int().min(1).max(MAX_INVITE_MINUTES).default(DEFAULT_INVITE_MINUTES),
    organization_id: organizationId,
  })
  .meta({ id: 'NewNodeInvite' });

export const createdNodeInvite = z
  .strictObject({
    id: uuid,
    token: z.string().meta({ description: '`join_` and 43 characters. Shown only in this response.' }),
    expires_at: time,
  })
  .meta({ id: 'CreatedNodeInvite' });

export const enrollment = z
  .strictObject({
    token: z.string().min(1).max(256),
    machine_id: uuid.meta({ description: 'The UUID of the node’s store. Only this machine can use the key.' }),
    name: storedText(256).trim().min(1).meta({ description: 'Name of the key.' }),
  })
  .meta({ id: 'Enrollment' });

export const enrolledNode = z
  .strictObject({
    node_key: z.string().meta({ description: '64 hexadecimal digits. Shown only in this response.' }),
    organization_id: uuid,
  })
  .meta({ id: 'EnrolledNode' });
