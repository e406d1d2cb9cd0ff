import { z } from 'zod';
import { countMirrored } from '../../prisma/queries/count-mirrored.js';
import { deleteNode } from '../../prisma/queries/delete-node.js';
import { findNode, listNodes } from '../../prisma/queries/list-nodes.js';
import { ApiError, notFound } from '../problem.js';
import { answer, route, type Route } from '../route.js';
import { uuid } from '../../protocol/uuid.js';
import { organizationQuery } from '../schemas/common.js';
import { mirrored, node, nodeList } from '../schemas/node.js';
import { nodeView } from '../views/node.js';

const params = z.strictObject({ id: uuid });

export function nodeRoutes(): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/nodes',
      operationId: 'listNodes',
      tag: 'nodes',
      summary: 'The organisation’s nodes, ordered by name',
      access: 'viewer',
      query: organizationQuery,
      responses: { 200: nodeList },
      errors: ['forbidden'],
      handle: async ({ scope }) => answer(200, (await listNodes(scope)).map(nodeView)),
    }),
    route({
      method: 'get',
      path: '/v1/nodes/{id}',
      operationId: 'getNode',
      tag: 'nodes',
      summary: 'One node',
      access: 'viewer',
      params,
      responses: { 200: node },
      errors: ['not_found'],
      handle: async ({ scope, params: { id } }) => {
        const found = await findNode(scope, id);
        if (!found) throw notFound('node');
        return answer(200, nodeView(found));
      },
    }),
    route({
      method: 'get',
      path: '/v1/nodes/{id}/mirrored',
      operationId: 'countMirrored',
      tag: 'nodes',
      summary: 'How much the hive has from a node: what deleting the node would remove',
      access: 'viewer',
      params,
      responses: { 200: mirrored },
      errors: ['not_found'],
      handle: async ({ scope, params: { id } }) => {
        const counted = await countMirrored(scope, id);
        if (!counted) throw notFound('node');
        return answer(200, counted);
      },
    }),
    route({
      method: 'delete',
      path: '/v1/nodes/{id}',
      operationId: 'deleteNode',
      tag: 'nodes',
      summary: 'Delete a node and everything that the hive mirrored from it',
      description: 'Its API keys are revoked and its socket is closed. Data on the node itself is not touched.',
      access: 'admin',
      params,
      responses: { 204: { description: 'Deleted.' } },
      errors: ['not_found'],
      handle: async ({ scope, params: { id } }) => {
        if (!(await deleteNode(scope, id))) throw notFound('node');
        return answer(204);
      },
    }),
    route({
      method: 'get',
      path: '/v1/nodes/ws',
      operationId: 'connectNode',
      tag: 'nodes',
      summary: 'The WebSocket for nodes; docs/protocol.md describes its protocol',
      access: 'public',
      responses: {},
      errors: ['upgrade_required'],
      handle: () => {
        throw new ApiError('upgrade_required', 'this is the WebSocket for nodes: send an upgrade request', {
          headers: { upgrade: 'websocket', connection: 'Upgrade' },
        });
      },
    }),
  ];
}
