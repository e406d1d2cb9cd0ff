/** API tokens, through a hive's API or directly in its database. */
import { bodyOf, type HiveClient, type Schemas } from '../../api/client/client.js';
import { apiTokenView } from '../../api/views/token.js';
import type { Database } from '../../prisma/database.js';
import { createApiToken, listApiTokens, revokeApiToken } from '../../prisma/queries/api-token.js';
import { DEFAULT_ORGANIZATION } from '../../prisma/queries/organization.js';
import { organizationId } from './database.js';
import { onHiveOrDatabase, type AdminOptions } from './on-hive-or-database.js';

export interface NewToken {
  name: string;
  role: 'viewer' | 'admin';
  /** It never expires if this is absent. */
  expiresInDays?: number;
}

export interface TokenStore {
  create(token: NewToken): Promise<Schemas['CreatedApiToken']>;
  list(): Promise<Schemas['ApiToken'][]>;
  /** @throws Error if there is no such token, or it is already revoked */
  revoke(id: string): Promise<void>;
}

export function withTokens(options: AdminOptions, work: (tokens: TokenStore) => Promise<void>): Promise<void> {
  return onHiveOrDatabase(options, {
    ifRefused: 'database',
    onHive: (hive) => work(tokensOfHive(hive)),
    onDatabase: async (database) =>
      work(tokensOfDatabase(database, await organizationId(database, options.organization ?? DEFAULT_ORGANIZATION))),
  });
}

function tokensOfHive(hive: HiveClient): TokenStore {
  return {
    create: ({ name, role, expiresInDays: days }) =>
      bodyOf(hive.POST('/v1/tokens', { body: { name, role, ...(days !== undefined && { expires_in_days: days }) } })),
    list: () => bodyOf(hive.GET('/v1/tokens')),
    async revoke(id) {
      await bodyOf(hive.DELETE('/v1/tokens/{id}', { params: { path: { id } } }));
    },
  };
}

const DAY_MS = 86_400_000;

function tokensOfDatabase(database: Database, organization: string): TokenStore {
  return {
    async create({ name, role, expiresInDays: days }) {
      const expiry = days === undefined ? {} : { expiresAt: new Date(new Date().getTime() + days * DAY_MS) };
      const { token, secret } = await createApiToken(database, { organizationId: organization, name, role, ...expiry });
      return { token: apiTokenView(token), secret };
    },
    list: async () => (await listApiTokens(database, organization)).map(apiTokenView),
    async revoke(id) {
      if (!(await revokeApiToken(database, organization, id)))
        throw new Error(`no token has the id ${id}, or it is already revoked`);
    },
  };
}
