import type { Command } from 'commander';
import { CommanderError, InvalidArgumentError } from 'commander';
import { ConfigError } from '../config-error.js';

/** A command was called in a wrong way; the message says what it needs. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'usage';
}

/** Of every command. */
export const ExitCode = { done: 0, failed: 1, misused: 2 } as const;

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 wrong usage or configuration`;
const OWN_EXIT_CODES = new Map([
  [
    'logs',
    "\nExit codes: 0 done, 1 failed, 2 wrong usage or configuration; with --exit-status, the attempt's own (137 if it was killed, 1 if it failed without one)",
  ],
  [
    'search',
    '\nExit codes: 0 something was found, 1 nothing was found or the search failed, 2 wrong usage or configuration',
  ],
  ['status', '\nExit codes: 0 the hive is ready, 1 it is not or did not answer, 2 wrong usage or configuration'],
  [
    'doctor',
    '\nExit codes: 0 nothing is damaged, 1 damage was found (repaired or not) or doctor failed, 2 wrong usage or configuration',
  ],
  [
    'backfill',
    '\nExit codes: 0 started (with --wait: the attempt is complete), 1 failed (with --wait: it is not complete), 2 wrong usage or configuration',
  ],
]);

/** Makes commands throw their errors, for {@link exitCodeOf}, and adds the exit codes to every command's help. */
export function finishCommands(command: Command): Command {
  command.exitOverride();
  command.addHelpText('after', OWN_EXIT_CODES.get(command.name()) ?? EXIT_CODES);
  command.commands.forEach(finishCommands);
  return command;
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.done : ExitCode.misused;
  return error instanceof ConfigError || error instanceof UsageError ? ExitCode.misused : ExitCode.failed;
}

/** Any version; written out, because the schema that others check ids with costs each start of a command. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Parses an argument or option for commander. */
export function uuidArgument(text: string): string {
  if (!UUID.test(text)) throw new InvalidArgumentError('It must be a UUID.');
  return text.toLowerCase();
}

/** A whole number above 0, for commander. */
export function countArgument(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number above 0.');
}
