/** Where executions stand on a time line. Pure: the present is handed in. */
import type { Schemas } from '../../api/client/client.js';

type Execution = Pick<Schemas['Execution'], 'started_at' | 'completed_at' | 'status'>;

export interface TimeScale {
  from: number;
  to: number;
}

/** In percent of the scale. */
export interface Bar {
  left: number;
  width: number;
}

/** A bar that is narrower than this is not seen. */
const LEAST_WIDTH = 0.8;

/** @returns when it ended; the present while it runs; its start if its end is not known */
export function endOf({ started_at: start, completed_at: end, status }: Execution, now: number): number {
  const startedAt = Date.parse(start);
  if (end !== null) return Math.max(startedAt, Date.parse(end));
  return status === 'running' ? Math.max(startedAt, now) : startedAt;
}

/** @returns undefined if there is nothing to show */
export function scaleOf(executions: readonly Execution[], now: number): TimeScale | undefined {
  const starts = executions.map(({ started_at: start }) => Date.parse(start)).filter((start) => !Number.isNaN(start));
  if (starts.length === 0) return undefined;
  const ends = executions.map((execution) => endOf(execution, now)).filter((end) => !Number.isNaN(end));
  const from = starts.reduce((least, start) => Math.min(least, start), Infinity);
  return { from, to: ends.reduce((most, end) => Math.max(most, end), from) };
}

export function barOf(execution: Execution, { from, to }: TimeScale, now: number): Bar {
  const length = to - from;
  if (!(length > 0)) return { left: 0, width: 100 };
  const start = (100 * (Date.parse(execution.started_at) - from)) / length;
  const width = Math.max(LEAST_WIDTH, (100 * (endOf(execution, now) - from)) / length - start);
  return { left: Math.max(0, Math.min(start, 100 - LEAST_WIDTH)), width: Math.min(width, 100) };
}
