/** Nodes' API keys, through a hive's API or directly in its database. */
import {
  bodyOf,
  createHiveClient,
  HiveUnreachableError,
  type HiveClient,
  type Schemas,
} from '../../api/client/client.js';
import { apiKeyView } from '../../api/views/node.js';
import type { Database } from '../../prisma/database.js';
import {
  createNodeApiKey,
  listNodeApiKeys,
  revokeNodeApiKey,
  unblockNodeApiKey,
} from '../../prisma/queries/node-api-key.js';
import { DEFAULT_ORGANIZATION } from '../../prisma/queries/organization.js';
import { readConfig } from '../config.js';
import { organizationId, withDatabase } from './database.js';
import { findHive, namedHive, type HiveOptions } from './hive-access.js';
import { UsageError } from './usage.js';

export interface KeyStore {
  create(name: string): Promise<Schemas['CreatedApiKey']>;
  list(): Promise<Schemas['ApiKey'][]>;
  /** @throws Error if there is no such key, or it is already revoked */
  revoke(id: string): Promise<void>;
  /** @throws Error if there is no such key, or it is not blocked */
  unblock(id: string): Promise<void>;
}

export interface KeyOptions extends HiveOptions {
  organization?: string;
}

/**
 * Works on the keys of the hive at --url or HIVE_URL, or of the one running on HIVE_DATA_DIR. Uses the hive's API, and so
 * the token's organisation. Uses the database instead with --organization or DATABASE_URL, or if no hive runs there.
 */
export async function withKeys(options: KeyOptions, work: (keys: KeyStore) => Promise<void>): Promise<void> {
  if (options.url !== undefined && options.organization !== undefined) {
    throw new UsageError("--organization can't be combined with --url: a hive uses the token's organisation");
  }
  const onDatabase = options.organization !== undefined || readConfig().databaseUrl !== undefined;
  if (options.url !== undefined || !onDatabase) {
    try {
      const address = await findHive(options);
      if (address) {
        await work(keysOfHive(createHiveClient(address)));
        return;
      }
    } catch (error) {
      if (!(error instanceof HiveUnreachableError) || namedHive(options) !== undefined) throw error;
    }
  }
  await withDatabase(async (database) => {
    const organization = await organizationId(database, options.organization ?? DEFAULT_ORGANIZATION);
    await work(keysOfDatabase(database, organization));
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
