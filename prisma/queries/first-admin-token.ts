import type { Database } from '../database.js';
import { createApiToken } from './api-token.js';
import { ensureDefaultOrganization } from './organization.js';

/**
 * On an installation's first start: makes the organisation `default` and an admin token for it.
 * @param before called if this is the first start; if it throws, nothing is made
 * @returns the token's secret; undefined on every later start
 */
export function createFirstAdminToken(
  db: Database,
  before: () => Promise<void> = () => Promise.resolve(),
): Promise<string | undefined> {
  return db.$transaction(async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('hivesync first start'))`; // several hives may start at once
    const { id: organizationId } = await ensureDefaultOrganization(tx);
    const tokens = await tx.$queryRaw<unknown[]>`
      SELECT FROM api_token WHERE organization_id = ${organizationId}::uuid LIMIT 1`;
    if (tokens.length > 0) return undefined;
    await before();
    const { secret } = await createApiToken(tx, { organizationId, name: 'first start', role: 'admin' });
    return secret;
  });
}
