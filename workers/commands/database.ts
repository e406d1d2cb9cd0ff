/** The hive's database, for commands that work on it directly. */
import { openDatabase } from '../../prisma/client.js';
import type { Database } from '../../prisma/database.js';
import { listOrganizations } from '../../prisma/queries/organization.js';
import { readConfig, type HiveConfig } from '../config.js';
import { readRunning } from '../data-files.js';
import { UsageError } from './usage.js';

/**
 * @returns DATABASE_URL, or else the database of the hive that runs on the data directory
 * @throws UsageError if there is neither
 */
export async function databaseUrlOf(config: HiveConfig): Promise<string> {
  const url = config.databaseUrl ?? (await readRunning(config.dataDir))?.databaseUrl;
  if (url === undefined) {
    const remote = process.env['HIVE_URL']
      ? "; this command works on the database itself, not through HIVE_URL's API"
      : '';
    throw new UsageError(
      `no database: set DATABASE_URL, or start a hive on ${config.dataDir} first (HIVE_DATA_DIR names another directory)${remote}`,
    );
  }
  return url;
}

/** @param answerMs how long a statement may take; @default as in a hive */
export async function withDatabase(work: (database: Database) => Promise<void>, answerMs?: number): Promise<void> {
  const database = openDatabase(await databaseUrlOf(readConfig()), 2, answerMs);
  try {
    await work(database);
  } finally {
    await database.$disconnect();
  }
}

/** @throws Error if there is no organisation with the name */
export async function organizationId(database: Database, name: string): Promise<string> {
  const organization = (await listOrganizations(database)).find((candidate) => candidate.name === name);
  if (!organization) throw new Error(`there is no organisation named ${name}`);
  return organization.id;
}
