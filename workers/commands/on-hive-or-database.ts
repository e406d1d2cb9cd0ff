/** Administration: through a hive's API, or directly in its database. */
import { HiveApiError, HiveUnreachableError, type HiveClient } from '../../api/client/client.js';
import type { Database } from '../../prisma/database.js';
import { readConfig } from '../config.js';
import { withDatabase } from './database.js';
import { addHiveOptions, clientOf, findHive, type FoundHive, type HiveOptions } from './hive-access.js';
import { JSON_OPTION } from './output.js';
import { UsageError } from './usage.js';
import type { Command } from 'commander';

export interface AdminOptions extends HiveOptions {
  organization?: string;
}

/** @param whose what belongs to the organisation */
export function addAdminOptions(command: Command, whose: string): Command {
  return addHiveOptions(command)
    .option(
      '--organization <name>',
      `organisation of the ${whose}; uses the database, not the API (default: the token's, or \`default\` in the database)`,
    )
    .option(...JSON_OPTION);
}

interface Ways {
  onHive: (hive: HiveClient) => Promise<void>;
  onDatabase: (database: Database) => Promise<void>;
  /** Whoever has the machine of the hive needs no token that is valid: it may be the last one that was revoked. */
  ifRefused?: 'database';
}

/**
 * Works on the hive that {@link findHive} finds. Uses the hive's API, and so the token's organisation. Uses the database
 * instead with --organization or DATABASE_URL, or if no hive runs there.
 */
export async function onHiveOrDatabase(options: AdminOptions, { onHive, onDatabase, ifRefused }: Ways): Promise<void> {
  const named = options.url ?? options.profile;
  if (named !== undefined && options.organization !== undefined) {
    throw new UsageError("--organization can't be combined with --url: a hive uses the token's organisation");
  }
  const usesDatabase = options.organization !== undefined || readConfig().databaseUrl !== undefined;
  if (named !== undefined || !usesDatabase) {
    let hive: FoundHive | undefined;
    try {
      hive = await findHive(options);
      if (hive) {
        await onHive(clientOf(hive));
        return;
      }
    } catch (error) {
      const isNamed = (hive?.isNamed ?? named !== undefined) || options.token !== undefined;
      if (isNamed || !(error instanceof HiveUnreachableError || (ifRefused && isRefusal(error)))) throw error;
    }
  }
  await withDatabase(onDatabase);
}

/** There is no token for the hive, or it is not valid, or not the operators'. */
function isRefusal(error: unknown): boolean {
  return error instanceof UsageError || (error instanceof HiveApiError && [401, 403].includes(error.status));
}
