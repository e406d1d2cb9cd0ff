/** What is said of an attempt in one line. Titles and commands are data from nodes. */
import { visible } from '../../../protocol/terminal-line.js';
import type { Schemas } from './api.js';
import { faint, green, red, yellow } from './colour.js';
import type { Cell } from './table.js';

export type Attempt = Schemas['Attempt'];
type Ended = Pick<Schemas['Execution'], 'exit_code'> & { status: Attempt['status'] };

/** Of a title or a command: more fits no line. */
const MAX_TEXT = 500;
const PAINT = { running: yellow, completed: green, failed: red, killed: red };

/** @returns how it ended, or that it runs: `failed 3` */
export function statusText({ status, exit_code: code }: Ended): string {
  if (status === null) return '-';
  return status === 'failed' && code !== null ? `failed ${code}` : status;
}

export function statusCell(ended: Ended): Cell {
  return { text: statusText(ended), paint: ended.status === null ? faint : PAINT[ended.status] };
}

/** @returns the title, or else the command */
export function attemptLabel({ title, command }: Attempt): string {
  if (title !== null && title.trim() !== '') return shortText(title);
  return command === null ? '' : `$ ${shortText(command)}`;
}

/** @returns text from a node in one line that does nothing to a terminal */
export function shortText(text: string): string {
  return visible(text.slice(0, MAX_TEXT).toWellFormed());
}

/** @returns how many lines the hive has, and if it has not all of them, of how many, and why */
export function linesText({
  lines_stored: stored,
  lines_declared: declared,
  sync_state: state,
  status,
}: Attempt): string {
  const isWhole = state === 'complete' || (state === 'partial' && status === 'running' && stored >= declared);
  return isWhole ? String(stored) : `${stored}/${declared} ${state.replace('_backfill', '')}`;
}
