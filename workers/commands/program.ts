import { Command } from 'commander';
import { backfillCommand } from './backfill.js';
import { backupCommand } from './backup.js';
import { doctorCommand } from './doctor.js';
import { keyCommand } from './key.js';
import { migrateCommand } from './migrate.js';
import { nodeCommand } from './node.js';
import { orgCommand } from './org.js';
import { projectCommand } from './project.js';
import { restoreCommand } from './restore.js';
import { startCommand } from './start.js';
import { tokenCommand } from './token.js';
import { VERSION } from '../version.js';
import { workerCommand } from './worker.js';
import { finishCommands } from './usage.js';

/** The `hive` command with all its subcommands. */
export function hiveProgram(): Command {
  const program = new Command('hive')
    .description('The hive: a central copy of what coding agents did on many machines.')
    .version(VERSION)
    .addCommand(startCommand())
    .addCommand(workerCommand())
    .addCommand(migrateCommand())
    .addCommand(orgCommand())
    .addCommand(tokenCommand())
    .addCommand(keyCommand())
    .addCommand(nodeCommand())
    .addCommand(projectCommand())
    .addCommand(backfillCommand())
    .addCommand(doctorCommand())
    .addCommand(backupCommand())
    .addCommand(restoreCommand());
  return finishCommands(program);
}
