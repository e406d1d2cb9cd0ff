/** What is learnt from an execution's output, stored in the transaction of the lines that told it. */
import { ExecutionSummary } from '../summary/execution-summary.js';
import { mergeSummaries } from '../summary/summary.js';
import { raiseRevision } from './attempts.js';
import type { Store } from './open.js';
import {
  SELECT_EXECUTION_SUMMARY,
  SELECT_SUMMARIES,
  SET_ATTEMPT_SUMMARY,
  SET_EXECUTION_SUMMARY,
  SET_MASKED,
} from './sql.js';

/** @returns what is known of the execution so far */
export function readExecutionSummary(store: Store, key: number): ExecutionSummary {
  return new ExecutionSummary(store.value(SELECT_EXECUTION_SUMMARY, key) as string | null);
}

/** To be called in a write transaction; {@link publishSummary} tells the hive. */
export function setExecutionSummary(store: Store, key: number, summary: ExecutionSummary): void {
  store.prepare(SET_EXECUTION_SUMMARY).run({ key, summary: summary.toJson() });
}

/**
 * Makes the attempt's summary of those of its executions, and raises its revision if that changed it. To be called in a
 * write transaction.
 */
export function publishSummary(store: Store, attemptKey: number): void {
  const rows = store.prepare<{ summary: string }>(SELECT_SUMMARIES).all(attemptKey);
  const summary = mergeSummaries(rows.flatMap((row) => new ExecutionSummary(row.summary).value ?? []));
  const { changes } = store.prepare(SET_ATTEMPT_SUMMARY).run({ key: attemptKey, summary: JSON.stringify(summary) });
  if (changes > 0) raiseRevision(store, attemptKey);
}

/** @param count of secrets masked in the execution's output. To be called in a write transaction. */
export function setMasked(store: Store, key: number, count: number): void {
  store.prepare(SET_MASKED).run({ key, count });
}
