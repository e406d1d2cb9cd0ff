/** Waits for what absorbers of executions that have ended are still at. */
import { setTimeout as sleep } from 'node:timers/promises';
import { findExecution } from '../store/executions.js';
import type { Store } from '../store/open.js';
import { endOrphan } from '../store/orphans.js';
import { endedSpools, spoolBytes } from './spool-files.js';

const LOOK_MS = 20;
/** An absorber that has taken nothing for this long gets nowhere. */
const STUCK_MS = 5000;
/** The process that goes on with what `run` has left needs a moment to start. */
const START_MS = 1000;

/**
 * Resolves when the executions that have ended are in the store to their last line, so that a reader misses nothing.
 * What no process works on is absorbed here.
 * @param waiting called once, if there is something to wait for
 * @returns the ids of those that get nowhere
 */
export async function settleSpools(store: Store, waiting: (executions: number) => void): Promise<string[]> {
  const stuck: string[] = [];
  const ids = endedSpools(store.dataDir);
  if (ids.length > 0) waiting(ids.length);
  for (const id of ids) if (!(await settled(store, id))) stuck.push(id);
  return stuck;
}

async function settled(store: Store, id: string): Promise<boolean> {
  const startedAt = performance.now();
  let [lines, since] = [-1, startedAt];
  while (spoolBytes(store.dataDir, id) > 0) {
    const now = performance.now();
    const stored = findExecution(store, id)?.log_lines ?? 0;
    if (stored !== lines) [lines, since] = [stored, now];
    else if (now - since > STUCK_MS) return false;
    if (now - startedAt > START_MS) endOrphan(store, id, Infinity);
    await sleep(LOOK_MS);
  }
  return true;
}
