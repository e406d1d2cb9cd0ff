/** Attempts as an agent gets them: without what only programs need. */
import { z } from 'zod';
import type { Schemas } from '../../api/client/client.js';
import { printable } from '../../protocol/printable.js';
import { findAttemptId } from '../commands/reading/find-attempt.js';
import type { ToolContext } from './tool.js';
import { ToolError } from './tool.js';

/** Of titles and commands. */
const TEXT_CHARACTERS = 300;

export const attemptInput = z.string().min(4).max(36).describe('The attempt’s id, or its first 4 or more characters.');

export const attemptSummary = z.object({
  id: z.string(),
  title: z.string().nullable(),
  command: z.string().nullable().describe('The beginning of what ran last.'),
  status: z.string().nullable().describe('running, completed, failed or killed; null if nothing has run yet.'),
  exit_code: z.int().nullable(),
  executor: z.string(),
  branch: z.string(),
  node_id: z.string(),
  created_at: z.string(),
  changed_at: z.string().nullable(),
  lines: z.int().describe('How many lines of its log can be read here.'),
  sync_state: z.string().describe('complete: every line is here; partial: more may come from the node.'),
});

export function toSummary(attempt: Schemas['Attempt']): z.input<typeof attemptSummary> {
  const { id, status, exit_code, executor, branch, node_id, created_at, changed_at, sync_state } = attempt;
  const [title, command] = [cut(attempt.title), cut(attempt.command)];
  return {
    ...{ id, title, command, status, exit_code, executor: cut(executor) ?? '', branch: cut(branch) ?? '', node_id },
    ...{ created_at, changed_at, lines: attempt.lines_stored, sync_state },
  };
}

export function summaryText(attempt: z.input<typeof attemptSummary>): string {
  const { id, title, command, status, exit_code: code, executor, branch, created_at: created, lines } = attempt;
  const ended = `${status ?? 'nothing ran yet'}${code === null ? '' : ` (exit ${code})`}`;
  const name = title ?? (command === null ? '' : `$ ${command}`);
  // each is what a node called it: on one line, so that no line looks like the tool's own
  return printable(`${id}  ${ended}  ${executor}  ${branch}  ${created}  ${lines} lines  ${name}`);
}

/** @returns what a node called it, short */
export function cut(text: string | null): string | null {
  if (text === null || text.length <= TEXT_CHARACTERS) return text;
  return `${text.slice(0, TEXT_CHARACTERS).toWellFormed()}…`;
}

const ID = /^[0-9a-f-]{4,36}$/i;

/** @throws ToolError if no attempt has such an id, or several have */
export async function attemptIdOf({ hive }: ToolContext, id: string): Promise<string> {
  if (!ID.test(id)) throw new ToolError(`${JSON.stringify(id)} is no id of an attempt: list_attempts shows them`);
  return findAttemptId(hive, id.toLowerCase());
}
