/** What all entries of the command line share. */
import { openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Command, CommanderError } from 'commander';
import { visible } from '../protocol/terminal-line.js';
import { messageOf, NodeAgentError } from './errors.js';

/** Runs the command that this process's arguments name, and sets the exit status. */
export async function runProgram(program: Command, commands: readonly (() => Command)[]): Promise<void> {
  holdBuild();
  program.enablePositionalOptions().exitOverride();
  for (const command of commands) program.addCommand(command().copyInheritedSettings(program));
  try {
    await program.parseAsync();
  } catch (error) {
    process.exitCode = exitCodeOf(error);
  }
}

/** A checkout that is built anew removes former builds, but no folder that somebody has open. */
function holdBuild(): void {
  try {
    openSync(fileURLToPath(new URL('.', import.meta.url)), 'r');
  } catch {
    // the folder can't be listed by this user: no checkout is built there
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // commander has printed it
  process.stderr.write(`node-agent: ${visible(messageOf(error))}\n`); // a hive may have had its say in it
  if (!(error instanceof NodeAgentError)) return 1;
  if (error.code === 'running') return 3;
  return error.code === 'usage' ? 2 : 1;
}
