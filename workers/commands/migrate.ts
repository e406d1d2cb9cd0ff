import { Command } from 'commander';
import { readConfig } from '../config.js';
import { createLogger } from '../logger.js';
import { applyMigrations } from '../migrate.js';
import { databaseUrlOf } from './database-url.js';

export function migrateCommand(): Command {
  return new Command('migrate')
    .description('apply the migrations to the database (`start` does so too)')
    .action(async () => {
      const config = readConfig();
      await applyMigrations(await databaseUrlOf(config), createLogger(config));
    });
}
