import { z } from 'zod';
import {
  createNodeInvite,
  deleteNodeInvite,
  enrollNode,
  listNodeInvites,
  type InviteFault,
  type NodeInviteRow,
} from '../../prisma/queries/node-invite.js';
import { uuid } from '../../protocol/uuid.js';
import type { AppDependencies } from '../dependencies.js';
import { notFound, unauthenticated } from '../problem.js';
import { answer, route, type Route } from '../route.js';
import { iso, organizationQuery } from '../schemas/common.js';
import {
  createdNodeInvite,
  enrolledNode,
  enrollment,
  newNodeInvite,
  nodeInviteList,
  type nodeInvite,
} from '../schemas/node-invite.js';

const tag = 'invitations';

const FAULTS: Record<InviteFault, string> = {
  unknown: 'the invitation is not valid',
  used: 'the invitation has been used; each takes in one machine',
  expired: 'the invitation has expired',
};

export function nodeInviteRoutes({ database }: Pick<AppDependencies, 'database'>): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/nodes/invites',
      operationId: 'createNodeInvite',
      tag,
      summary: 'Invite a machine',
      description: 'Makes a token that a machine trades for a key of its own, once. It is only in this response.',
      access: 'admin',
      body: newNodeInvite,
      responses: { 201: createdNodeInvite },
      handle: async ({ scope, principal, body, request }) => {
        const ttlSeconds = body.expires_in_minutes * 60;
        const { invite, token } = await createNodeInvite(scope, { createdBy: principal.id, ttlSeconds });
        const { id, expiresAt } = invite;
        request.log.info(
          { event: 'node_invited', inviteId: id, createdBy: principal.id, organizationId: scope.organizationId },
          'an invitation for a node was made',
        );
        return answer(201, { id, token, expires_at: expiresAt.toISOString() });
      },
    }),
    route({
      method: 'get',
      path: '/v1/nodes/invites',
      operationId: 'listNodeInvites',
      tag,
      summary: 'The organisation’s invitations, newest first, used and expired ones included for 30 days',
      access: 'admin',
      query: organizationQuery,
      responses: { 200: nodeInviteList },
      handle: async ({ scope }) => answer(200, (await listNodeInvites(scope)).map(inviteView)),
    }),
    route({
      method: 'delete',
      path: '/v1/nodes/invites/{id}',
      operationId: 'deleteNodeInvite',
      tag,
      summary: 'Withdraw an invitation',
      description: 'A key that was made by it stays.',
      access: 'admin',
      params: z.strictObject({ id: uuid }),
      responses: { 204: { description: 'Withdrawn.' } },
      errors: ['not_found'],
      handle: async ({ scope, params: { id } }) => {
        if (!(await deleteNodeInvite(scope, id))) throw notFound('invitation');
        return answer(204);
      },
    }),
    route({
      method: 'post',
      path: '/v1/nodes/enroll',
      operationId: 'enrollNode',
      tag,
      summary: 'Trade an invitation for a node’s key',
      description: 'Each invitation is good for one machine. Needs no other credential.',
      access: 'public',
      isLimitedByAddress: true,
      body: enrollment,
      responses: { 201: enrolledNode },
      errors: ['unauthenticated', 'too_many_requests', 'database_unavailable'],
      handle: async ({ body, request }) => {
        const enrolled = await enrollNode(database, {
          token: body.token,
          machineId: body.machine_id,
          name: body.name,
        });
        if (typeof enrolled === 'string') {
          request.log.warn({ event: 'enrollment_refused', reason: enrolled }, 'a node was not enrolled');
          throw unauthenticated(FAULTS[enrolled], { sent: true });
        }
        const { inviteId, apiKeyId, organizationId, secret } = enrolled;
        request.log.info(
          { event: 'node_enrolled', inviteId, apiKeyId, organizationId, machineId: body.machine_id, name: body.name },
          'a node was enrolled by an invitation',
        );
        return answer(201, { node_key: secret, organization_id: organizationId });
      },
    }),
  ];
}

function inviteView(row: NodeInviteRow): z.input<typeof nodeInvite> {
  return {
    id: row.id,
    token_prefix: row.tokenPrefix,
    status: row.usedAt !== null ? 'used' : row.isExpired ? 'expired' : 'open',
    created_by: row.createdBy,
    created_at: row.createdAt.toISOString(),
    expires_at: row.expiresAt.toISOString(),
    used_at: iso(row.usedAt),
    api_key_id: row.apiKeyId,
  };
}
