#!/usr/bin/env node
/** The `hive` command. */
import { Command, CommanderError } from 'commander';
import { backfillCommand } from './commands/backfill.js';
import { doctorCommand } from './commands/doctor.js';
import { keyCommand } from './commands/key.js';
import { migrateCommand } from './commands/migrate.js';
import { orgCommand } from './commands/org.js';
import { startCommand } from './commands/start.js';
import { tokenCommand } from './commands/token.js';
import { workerCommand } from './commands/worker.js';
import { exitCodeOf, finishCommands } from './commands/usage.js';

const program = new Command('hive')
  .description('The hive: a central copy of what coding agents did on many machines.')
  .addCommand(startCommand())
  .addCommand(workerCommand())
  .addCommand(migrateCommand())
  .addCommand(orgCommand())
  .addCommand(tokenCommand())
  .addCommand(keyCommand())
  .addCommand(backfillCommand())
  .addCommand(doctorCommand());

try {
  await finishCommands(program).parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
  // commander has printed its own already
  if (!(error instanceof CommanderError)) {
    process.stderr.write(`hive: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}
