/** Backfills as rows of a table. */
import type { Schemas } from './api.js';
import { green, red, yellow } from './colour.js';
import type { Cell, Column } from './table.js';
import { age, duration } from './time.js';

type ListedBackfill = Schemas['ListedBackfill'];
export type Progress = NonNullable<Schemas['Backfill']['progress']>;

export const BACKFILL_COLUMNS: readonly Column[] = [
  { title: 'ATTEMPT' },
  { title: 'OUTCOME' },
  { title: 'TRIGGER', leaveOut: 1 },
  { title: 'STARTED' },
  { title: 'TOOK' },
  { title: 'NODE' },
];

/** @param progress of one that runs, if it is known */
export function backfillRow(
  backfill: ListedBackfill,
  nodeName: (id: string) => string,
  isShort: boolean,
  progress?: Progress,
): Cell[] {
  const { attempt_id: id, started_at: start, ended_at: end, node_id: node, trigger } = backfill;
  const text = progress
    ? `${progress.phase.replaceAll('_', ' ')} ${progress.lines_stored}/${progress.lines_declared}`
    : outcomeOf(backfill);
  const paint = end === null ? yellow : text === 'complete' ? green : red;
  const took = Date.parse(end ?? new Date().toISOString()) - Date.parse(start);
  const name = node === null ? '-' : nodeName(node);
  return [isShort ? id.slice(0, 8) : id, { text, paint }, trigger ?? '-', age(start), duration(took), name];
}

export function outcomeOf({ outcome, status }: ListedBackfill): string {
  return (outcome ?? status).replaceAll('_', ' ');
}
