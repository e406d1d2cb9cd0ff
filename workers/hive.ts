#!/usr/bin/env node
/** The `hive` command. */
import { Command } from 'commander';
import { backfillCommand } from './commands/backfill.js';
import { keyCommand } from './commands/key.js';
import { migrateCommand } from './commands/migrate.js';
import { startCommand } from './commands/start.js';
import { tokenCommand } from './commands/token.js';
import { workerCommand } from './commands/worker.js';
import { ConfigError } from './config.js';

const program = new Command('hive')
  .description('The hive: a central copy of what coding agents did on many machines.')
  .addCommand(startCommand())
  .addCommand(workerCommand())
  .addCommand(migrateCommand())
  .addCommand(tokenCommand())
  .addCommand(keyCommand())
  .addCommand(backfillCommand());

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof ConfigError) process.exitCode = 2;
  else process.exitCode = 1;
  process.stderr.write(`hive: ${error instanceof Error ? error.message : String(error)}\n`);
}
