import type { Database } from '../database.js';
import { createApiToken } from './api-token.js';
import { ensureDefaultOrganization } from './organization.js';

/**
 * On an installation's first start: makes the organisation `default` and an admin token of it.
 * @returns the token's secret, once; undefined on every later start
 */
export function createFirstAdminToken(db: Database): Promise<string | undefined> {
  return db.$transaction(async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('hivesync first start'))`; // several hives may start at once
    const organization = await ensureDefaultOrganization(tx);
    if ((await tx.apiToken.count({ where: { organizationId: organization.id } })) > 0) return undefined;
    const { secret } = await createApiToken(tx, {
      organizationId: organization.id,
      name: 'first start',
      role: 'admin',
    });
    return secret;
  });
}
