import type { ConnectionLike } from '@temporalio/client';
import { InstallationClient } from '../../backfills/installation.js';
import type { Database } from '../../prisma/database.js';
import { ensureInstallation } from '../../prisma/queries/installation.js';

/** A client that finds the workflows of the hives that use the database. */
export async function clientOfInstallation(
  database: Database,
  connection: ConnectionLike,
  namespace = 'default',
): Promise<InstallationClient> {
  return new InstallationClient({ connection, namespace }, await ensureInstallation(database));
}
