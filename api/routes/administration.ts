/** API tokens and organisations, managed by admins. */
import { z } from 'zod';
import { createApiToken, listApiTokens, revokeApiToken } from '../../prisma/queries/api-token.js';
import {
  createOrganizationWithAdmin,
  DEFAULT_ORGANIZATION,
  findOwnOrganization,
  listOrganizations,
} from '../../prisma/queries/organization.js';
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import { uuid } from '../../protocol/uuid.js';
import type { AppDependencies } from '../dependencies.js';
import { ApiError, notFound } from '../problem.js';
import { answer, route, type Route } from '../route.js';
import { organizationQuery } from '../schemas/common.js';
import {
  apiTokenList,
  createdApiToken,
  createdOrganization,
  newApiToken,
  newOrganization,
  organization,
  organizationList,
} from '../schemas/token.js';
import { apiTokenView, organizationView } from '../views/token.js';

export function administrationRoutes(deps: Pick<AppDependencies, 'database'>): Route[] {
  return [...tokenRoutes(deps), ...organizationRoutes(deps)];
}

const DAY_MS = 86_400_000;

function tokenRoutes({ database }: Pick<AppDependencies, 'database'>): Route[] {
  const tag = 'tokens';
  return [
    route({
      method: 'post',
      path: '/v1/tokens',
      operationId: 'createToken',
      tag,
      summary: 'Create an API token',
      description: 'For the caller’s organisation. The secret is only in this response.',
      access: 'admin',
      body: newApiToken,
      responses: { 201: createdApiToken },
      handle: async ({ scope, principal, body, request }) => {
        const { name, role, expires_in_days: days } = body;
        const { organizationId } = scope;
        const { token, secret } = await createApiToken(database, {
          organizationId,
          name,
          role,
          createdBy: principal.id,
          ...(days !== undefined && { expiresAt: new Date(new Date().getTime() + days * DAY_MS) }),
        });
        request.log.info(
          { event: 'token_created', tokenId: token.id, role, createdBy: principal.id, organizationId },
          'an API token was made',
        );
        return answer(201, { token: apiTokenView(token), secret });
      },
    }),
    route({
      method: 'get',
      path: '/v1/tokens',
      operationId: 'listTokens',
      tag,
      summary: 'The organisation’s API tokens, newest first, including revoked ones',
      access: 'admin',
      query: organizationQuery,
      responses: { 200: apiTokenList },
      handle: async ({ scope }) =>
        answer(200, (await listApiTokens(scope.models, scope.organizationId)).map(apiTokenView)),
    }),
    route({
      method: 'delete',
      path: '/v1/tokens/{id}',
      operationId: 'revokeToken',
      tag,
      summary: 'Revoke an API token',
      description: 'It stops working at once, also if it is the one that the request carries.',
      access: 'admin',
      params: z.strictObject({ id: uuid }),
      responses: { 204: { description: 'Revoked.' } },
      errors: ['not_found'],
      handle: async ({ scope, principal, params: { id }, request }) => {
        const { organizationId } = scope;
        if (!(await revokeApiToken(scope.models, organizationId, id))) throw notFound('token');
        request.log.info(
          { event: 'token_revoked', tokenId: id, revokedBy: principal.id, organizationId },
          'an API token was revoked',
        );
        return answer(204);
      },
    }),
  ];
}

function organizationRoutes({ database }: Pick<AppDependencies, 'database'>): Route[] {
  const tag = 'organisations';
  return [
    route({
      method: 'get',
      path: '/v1/organization',
      operationId: 'getOrganization',
      tag,
      summary: 'The caller’s organisation',
      access: 'viewer',
      responses: { 200: organization },
      errors: ['not_found'],
      handle: async ({ scope }) => answer(200, organizationView(await ownOrganization(scope))),
    }),
    route({
      method: 'get',
      path: '/v1/organizations',
      operationId: 'listOrganizations',
      tag,
      summary: 'All organisations of the hive, by name',
      description: `Only for admins of the organisation \`${DEFAULT_ORGANIZATION}\`, who operate the hive.`,
      access: 'admin',
      responses: { 200: organizationList },
      handle: async ({ scope }) => {
        await requireOperator(scope);
        return answer(200, (await listOrganizations(database)).map(organizationView));
      },
    }),
    route({
      method: 'post',
      path: '/v1/organizations',
      operationId: 'createOrganization',
      tag,
      summary: 'Create an organisation, and its first admin’s token',
      description:
        `Only for admins of the organisation \`${DEFAULT_ORGANIZATION}\`, who operate the hive. The token’s secret is only ` +
        'in this response; everything else in the organisation is up to who holds it.',
      access: 'admin',
      body: newOrganization,
      responses: { 201: createdOrganization },
      errors: ['conflict'],
      handle: async ({ scope, principal, body: { name }, request }) => {
        await requireOperator(scope);
        const created = await createOrganizationWithAdmin(database, { name, createdBy: principal.id });
        if (!created) throw new ApiError('conflict', 'there is an organisation with this name already');
        request.log.info(
          { event: 'organization_created', organizationId: created.organization.id, createdBy: principal.id },
          'an organisation was made',
        );
        return answer(201, {
          organization: organizationView(created.organization),
          token: apiTokenView(created.token),
          secret: created.secret,
        });
      },
    }),
  ];
}

/** @throws ApiError not_found if it has been removed since the credential was checked */
async function ownOrganization(scope: OrganizationScope) {
  const own = await findOwnOrganization(scope);
  if (!own) throw notFound('organisation');
  return own;
}

/** @throws ApiError forbidden */
async function requireOperator(scope: OrganizationScope): Promise<void> {
  if ((await ownOrganization(scope)).name === DEFAULT_ORGANIZATION) return;
  throw new ApiError('forbidden', `this needs an admin of the organisation ${DEFAULT_ORGANIZATION}`);
}
