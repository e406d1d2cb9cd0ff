import { Command } from 'commander';
import { readConfig } from '../config.js';
import { createLogger } from '../logger.js';
import { applyMigrations } from '../migrate.js';
import { databaseUrlOf } from './database.js';

export function migrateCommand(): Command {
  return new Command('migrate')
    .description('Apply the database migrations. `hive start` does this too.')
    .action(async () => {
      const config = readConfig();
      await applyMigrations(await databaseUrlOf(config), createLogger(config), { directUrl: config.directDatabaseUrl });
    });
}
