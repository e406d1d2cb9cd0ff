/** How a command is described to the hive and how its end is reported. */
import { basename } from 'node:path';
import { MAX_EXECUTOR_ACTION_BYTES } from '../../protocol/limits.js';
import type { ChildEnd } from '../process/child.js';

/** Uses the original's vocabulary, because its clients show `executor_action.typ`. @returns JSON text */
export function executorAction(command: readonly string[]): string {
  const action = (script: string) =>
    JSON.stringify({
      typ: { type: 'ScriptRequest', script, language: 'Bash', context: 'ToolInstallScript' },
      next_action: null,
    });
  const script = command.map(quote).join(' ');
  const whole = action(script);
  if (Buffer.byteLength(whole) <= MAX_EXECUTOR_ACTION_BYTES) return whole;
  // an escaped character takes at most 6 bytes for each of its UTF-16 units
  return action(`${script.slice(0, MAX_EXECUTOR_ACTION_BYTES / 8)}…`);
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** By the names of their programs; the names that hives know are those of the original. */
const AGENTS = new Map([
  ['claude', 'CLAUDE_CODE'],
  ['codex', 'CODEX'],
  ['cursor-agent', 'CURSOR_AGENT'],
  ['gemini', 'GEMINI'],
  ['opencode', 'OPENCODE'],
]);

/** @returns the executor of a command, if nobody says which: the agent that it starts */
export function executorOf([program = '']: readonly string[]): string {
  return AGENTS.get(basename(program)) ?? 'SHELL';
}

/** How the end of a command is recorded. */
export function recordedEnd({ code, signal }: ChildEnd): {
  status: 'completed' | 'failed' | 'killed';
  exitCode: number | null;
} {
  if (signal !== null) return { status: 'killed', exitCode: null };
  return { status: code === 0 ? 'completed' : 'failed', exitCode: code };
}

/** The end of a command that could not be started: 127 if there is no such command, 126 if it can't be executed. */
export function startFailure(errno: string): ChildEnd {
  return { code: errno === 'ENOENT' ? 127 : 126, signal: null };
}
