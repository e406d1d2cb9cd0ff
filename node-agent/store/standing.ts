/** How the attempts of a store stand with the hive: what it has, and why it lacks the rest. */
import type { Store } from './open.js';
import { SELECT_STANDING } from './sql.js';

/** Where an attempt stands; those of `refused` by the reason of the refusal. */
export type Standing =
  | 'complete'
  /** It is being recorded: its lines are pushed as they come. */
  | 'running'
  | 'not_announced'
  /** It has changed since it was announced. */
  | 'changed'
  /** The hive knows it, and fetches its lines when it has time. */
  | 'partial'
  | 'pending_backfill'
  | 'unavailable'
  | 'belongs_to_another_node'
  | 'deleted'
  | 'execution_of_another_attempt';

export interface StandingCount {
  standing: Standing;
  attempts: number;
  /** Recorded lines of these attempts. */
  lines: number;
  /** Those of them of which the hive has said that it has them. It says so for a whole attempt only at its end. */
  confirmed_lines: number;
}

/** @returns a row for each standing that there is; attempts of which only descriptions are left are not counted */
export function standings(store: Store): StandingCount[] {
  return store.prepare<StandingCount>(SELECT_STANDING).all();
}
