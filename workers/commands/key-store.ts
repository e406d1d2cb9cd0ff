/** Nodes' API keys, through a hive's API or on its database. */
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
import { withDatabase } from './database-url.js';
import { findHive, type HiveOptions } from './hive-access.js';
import { organizationId } from './organization.js';
import { UsageError } from './usage.js';

export interface KeyStore {
  create(name: string): Promise<Schemas['CreatedApiKey']>;
  list(): Promise<Schemas['ApiKey'][]>;
  /** @throws Error when there is no such key that is not revoked yet */
  revoke(id: string): Promise<void>;
  /** @throws Error when there is no such key that is blocked */
  unblock(id: string): Promise<void>;
}

export interface KeyOptions extends HiveOptions {
  organization?: string;
}

/**
 * Works on the keys of the hive at --url, or of the one that runs on HIVE_DATA_DIR, by its API: as the token's
 * organisation. With --organization or DATABASE_URL, and where no hive answers, on the database.
 */
export async function withKeys(options: KeyOptions, work: (keys: KeyStore) => Promise<void>): Promise<void> {
  if (options.url !== undefined && options.organization !== undefined) {
    throw new UsageError("--organization goes without --url: a hive's answers are those of the token's organisation");
  }
  const onDatabase = options.organization !== undefined || readConfig().databaseUrl !== undefined;
  if (options.url !== undefined || !onDatabase) {
    const address = await findHive(options);
    if (!address && options.url !== undefined) throw new UsageError('--url needs --token, or HIVE_TOKEN');
    try {
      if (address) {
        await work(keysOfHive(createHiveClient(address)));
        return;
      }
    } catch (error) {
      if (!(error instanceof HiveUnreachableError) || options.url !== undefined) throw error;
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
        throw new Error(`no key ${id} that is not revoked yet`);
    },
    async unblock(id) {
      if (!(await unblockNodeApiKey(database, organization, id))) throw new Error(`no key ${id} that is blocked`);
    },
  };
}
