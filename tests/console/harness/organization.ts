/** An organisation of a hive under test, with people who may read, and people who may do everything. */
import { createApiToken } from '../../../prisma/queries/api-token.js';
import { createNodeApiKey } from '../../../prisma/queries/node-api-key.js';
import { ensureOrganization } from '../../../prisma/queries/organization.js';
import type { Database } from '../../../prisma/database.js';

export interface ConsoleOrganization {
  id: string;
  name: string;
  /** API tokens. */
  admin: string;
  viewer: string;
  /** For a node. */
  newKey(): Promise<string>;
}

export async function makeOrganization(database: Database, name: string): Promise<ConsoleOrganization> {
  const { id } = await ensureOrganization(database, name);
  const token = async (role: 'admin' | 'viewer') =>
    (await createApiToken(database, { organizationId: id, name: role, role })).secret;
  return {
    id,
    name,
    admin: await token('admin'),
    viewer: await token('viewer'),
    newKey: async () => (await createNodeApiKey(database, { organizationId: id, name: 'test' })).secret,
  };
}
