#!/usr/bin/env node
/** The `hive` command. */
import { openSync } from 'node:fs';
import { CommanderError } from 'commander';
import { HiveUnreachableError } from '../api/client/client.js';
import { hiveProgram } from './commands/program.js';
import { printableLines } from '../protocol/printable.js';
import { exitCodeOf } from './commands/usage.js';

openSync(import.meta.dirname, 'r'); // a later build keeps the folders of builds that somebody has open
try {
  await (await hiveProgram(process.argv.slice(2))).parseAsync();
} catch (error) {
  // commander has already printed its own errors
  if (!(error instanceof CommanderError)) {
    const message = error instanceof Error ? error.message : String(error);
    const advice = error instanceof HiveUnreachableError ? '; check HIVE_URL or --url, and that the hive runs' : '';
    process.stderr.write(`hive: ${printableLines(message)}${advice}\n`);
  }
  process.exit(exitCodeOf(error)); // what a failed start left open must not keep the process alive
}
