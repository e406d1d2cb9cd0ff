import { z } from 'zod';
import {
  createNodeApiKey,
  listNodeApiKeys,
  revokeNodeApiKey,
  unblockNodeApiKey,
} from '../../prisma/queries/node-api-key.js';
import { notFound } from '../problem.js';
import { answer, route, type Route } from '../route.js';
import { uuid } from '../../protocol/uuid.js';
import { organizationQuery } from '../schemas/common.js';
import { apiKey, apiKeyList, createdApiKey, newApiKey } from '../schemas/node.js';
import { apiKeyView } from '../views/node.js';

const params = z.strictObject({ id: uuid });
const tag = 'api keys';

export function apiKeyRoutes(): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/nodes/api-keys',
      operationId: 'createApiKey',
      tag,
      summary: 'Create an API key for a node',
      description: 'The secret is only in this response. The key is bound to the first machine that uses it.',
      access: 'admin',
      body: newApiKey,
      responses: { 201: createdApiKey },
      handle: async ({ scope, principal, body: { name } }) => {
        const { organizationId } = scope;
        const { apiKey: created, secret } = await createNodeApiKey(scope.models, {
          organizationId,
          name,
          createdBy: principal.id,
        });
        return answer(201, { api_key: apiKeyView(created), secret });
      },
    }),
    route({
      method: 'get',
      path: '/v1/nodes/api-keys',
      operationId: 'listApiKeys',
      tag,
      summary: 'The organisation’s API keys, newest first, including revoked ones',
      access: 'viewer',
      query: organizationQuery,
      responses: { 200: apiKeyList },
      errors: ['forbidden'],
      handle: async ({ scope }) =>
        answer(200, (await listNodeApiKeys(scope.models, scope.organizationId)).map(apiKeyView)),
    }),
    route({
      method: 'delete',
      path: '/v1/nodes/api-keys/{id}',
      operationId: 'revokeApiKey',
      tag,
      summary: 'Revoke an API key',
      description:
        'The socket of the node that uses the key is closed, whichever hive has it: within one second per 2,000 nodes ' +
        'on that hive.',
      access: 'admin',
      params,
      responses: { 204: { description: 'Revoked.' } },
      errors: ['not_found'],
      handle: async ({ scope, params: { id } }) => {
        if (!(await revokeNodeApiKey(scope.models, scope.organizationId, id))) throw notFound('API key');
        return answer(204);
      },
    }),
    route({
      method: 'post',
      path: '/v1/nodes/api-keys/{id}/unblock',
      operationId: 'unblockApiKey',
      tag,
      summary: 'Unblock an API key that was blocked because other machines tried to use it',
      access: 'admin',
      params,
      responses: { 200: apiKey },
      errors: ['not_found'],
      handle: async ({ scope, params: { id } }) => {
        const unblocked = await unblockNodeApiKey(scope.models, scope.organizationId, id);
        if (!unblocked) throw notFound('blocked API key');
        return answer(200, apiKeyView(unblocked));
      },
    }),
  ];
}
