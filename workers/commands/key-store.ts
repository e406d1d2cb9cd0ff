/** Nodes' API keys, through a hive's API or directly in its database. */
import { bodyOf, type HiveClient, type Schemas } from '../../api/client/client.js';
import { apiKeyView } from '../../api/views/node.js';
import type { Database } from '../../prisma/database.js';
import {
  createNodeApiKey,
  listNodeApiKeys,
  revokeNodeApiKey,
  unblockNodeApiKey,
} from '../../prisma/queries/node-api-key.js';
import { DEFAULT_ORGANIZATION } from '../../prisma/queries/organization.js';
import { organizationId } from './database.js';
import { onHiveOrDatabase, type AdminOptions } from './on-hive-or-database.js';

export interface KeyStore {
  create(name: string): Promise<Schemas['CreatedApiKey']>;
  list(): Promise<Schemas['ApiKey'][]>;
  /** @throws Error if there is no such key, or it is already revoked */
  revoke(id: string): Promise<void>;
  /** @throws Error if there is no such key, or it is not blocked */
  unblock(id: string): Promise<void>;
}

export function withKeys(options: AdminOptions, work: (keys: KeyStore) => Promise<void>): Promise<void> {
  return onHiveOrDatabase(options, {
    onHive: (hive) => work(keysOfHive(hive)),
    onDatabase: async (database) =>
      work(keysOfDatabase(database, await organizationId(database, options.organization ?? DEFAULT_ORGANIZATION))),
  });
}

function keysOfHive(hive: HiveClient): KeyStore {
  const path = (id: string) => ({ params: { path: { id } } });
  return {
    create: (name) => bodyOf(hive.POST('/v1/nodes/api-keys', { body: { name } })),
    list: () => bodyOf(hive.GET('/v1/nodes/api-keys')),
    async revoke(id) {
      await bodyOf(hive.DELETE('/v1/nodes/api-keys/{id}', path(id)));
    },
    async unblock(id) {
      await bodyOf(hive.POST('/v1/nodes/api-keys/{id}/unblock', path(id)));
    },
  };
}

function keysOfDatabase(database: Database, organization: string): KeyStore {
  return {
    async create(name) {
      const { apiKey, secret } = await createNodeApiKey(database, { organizationId: organization, name });
      return { api_key: apiKeyView(apiKey), secret };
    },
    list: async () => (await listNodeApiKeys(database, organization)).map(apiKeyView),
    async revoke(id) {
      if (!(await revokeNodeApiKey(database, organization, id)))
        throw new Error(`no key has the id ${id}, or it is already revoked`);
    },
    async unblock(id) {
      if (!(await unblockNodeApiKey(database, organization, id)))
        throw new Error(`no key has the id ${id}, or it is not blocked`);
    },
  };
}
