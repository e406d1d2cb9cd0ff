import { openDatabase } from '../../prisma/client.js';
import { readConfig, type HiveConfig } from '../config.js';
import { readRunning } from '../data-files.js';
import { UsageError } from './usage.js';
import type { Database } from '../../prisma/database.js';

/** DATABASE_URL, or the database of the hive that runs on the data directory. */
export async function databaseUrlOf(config: HiveConfig): Promise<string> {
  const url = config.databaseUrl ?? (await readRunning(config.dataDir))?.databaseUrl;
  if (url === undefined) {
    throw new UsageError(`no database: set DATABASE_URL, or start the hive on ${config.dataDir} (HIVE_DATA_DIR) first`);
  }
  return url;
}

/** Runs a command's work on the hive's database. */
export async function withDatabase(work: (database: Database) => Promise<void>): Promise<void> {
  const database = openDatabase(await databaseUrlOf(readConfig()), 2);
  try {
    await work(database);
  } finally {
    await database.$disconnect();
  }
}
