/** Attempts as rows of a table. */
import { attemptLabel, linesText, shortText, statusCell, type Attempt } from './attempt-text.js';
import { faint, yellow } from './colour.js';
import type { Cell, Column } from './table.js';
import { age } from './time.js';

export const ATTEMPT_COLUMNS: readonly Column[] = [
  { title: 'ATTEMPT' },
  { title: 'STATUS' },
  { title: 'AGE' },
  { title: 'NODE', max: 20, leaveOut: 2 },
  { title: 'EXECUTOR', max: 16, leaveOut: 3 },
  { title: 'LINES', isNumber: true, leaveOut: 1 },
  { title: 'TITLE OR COMMAND' },
];

/** Of an id: enough to tell the attempts of most hives apart. */
const SHORT_ID = 8;

/** @param nodeName gives a node's name @param isShort whether ids are shortened, to what tells these attempts apart */
export function attemptRows(
  attempts: readonly Attempt[],
  nodeName: (id: string) => string,
  isShort: boolean,
): Cell[][] {
  const length = isShort ? distinctLength(attempts.map(({ id }) => id)) : undefined;
  return attempts.map((attempt) => [
    attempt.id.slice(0, length),
    statusCell(attempt),
    age(attempt.created_at),
    nodeName(attempt.node_id),
    shortText(attempt.executor),
    { text: linesText(attempt), paint: attempt.sync_state === 'complete' ? faint : yellow },
    attemptLabel(attempt),
  ]);
}

/** @returns how many characters tell these ids apart, and at least most others */
export function distinctLength(ids: readonly string[]): number {
  const sorted = [...ids].sort();
  let length = SHORT_ID;
  for (const [index, id] of sorted.entries()) {
    const next = sorted[index + 1];
    while (next !== undefined && next !== id && length < id.length && next.slice(0, length) === id.slice(0, length))
      length++;
  }
  return length;
}
