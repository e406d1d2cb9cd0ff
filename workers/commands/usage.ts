import type { Command } from 'commander';
import { CommanderError, InvalidArgumentError } from 'commander';
import { isUuid } from '../../protocol/uuid.js';
import { ConfigError } from '../config-error.js';

/** What was asked for can't be done as it was asked; the message says what is needed. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'usage';
}

/** Of every command: 0 done, 1 failed, 2 asked for or configured wrongly. */
export const ExitCode = { done: 0, failed: 1, misused: 2 } as const;

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 wrong usage or configuration`;
const OWN_EXIT_CODES = new Map([
  [
    'doctor',
    '\nExit codes: 0 everything is well, 1 something is damaged (repaired or not) or doctor failed, 2 wrong usage or configuration',
  ],
  [
    'backfill',
    '\nExit codes: 0 started (with --wait: the attempt is complete), 1 failed (with --wait: it is not), 2 wrong usage or configuration',
  ],
]);

/** Lets errors be thrown to {@link exitCodeOf}, and shows the exit codes in every command's help. */
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

/** For an argument or option of commander. */
export function uuidArgument(text: string): string {
  if (!isUuid(text)) throw new InvalidArgumentError('It must be a UUID.');
  return text.toLowerCase();
}
