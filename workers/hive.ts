#!/usr/bin/env node
/** The `hive` command. */
import { CommanderError } from 'commander';
import { hiveProgram } from './commands/program.js';
import { printableLines } from '../protocol/printable.js';
import { exitCodeOf } from './commands/usage.js';

try {
  await hiveProgram().parseAsync();
} catch (error) {
  // commander has already printed its own errors
  if (!(error instanceof CommanderError)) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`hive: ${printableLines(message)}\n`);
  }
  process.exit(exitCodeOf(error)); // what a failed start left open must not keep the process alive
}
