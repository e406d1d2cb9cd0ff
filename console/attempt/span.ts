import type { Schemas } from '../../api/client/client.js';

export interface Span {
  /** When its first execution began; null if there is none. */
  from: string | null;
  /** When its last one ended; undefined while one runs, null if that is not known. */
  to: string | null | undefined;
}

/** @returns from when to when the attempt's executions ran, by the clock of the node */
export function spanOf({
  executions,
  is_complete: hasEnded,
}: Pick<Schemas['AttemptDetail'], 'executions' | 'is_complete'>): Span {
  const from = extreme(
    executions.map(({ started_at: start }) => start),
    (time, least) => time < least,
  );
  if (!hasEnded) return { from, to: undefined };
  const ends = executions.flatMap(({ completed_at: end }) => (end === null ? [] : [end]));
  return { from, to: extreme(ends, (time, most) => time > most) };
}

function extreme(times: readonly string[], isBetter: (time: number, best: number) => boolean): string | null {
  let best: string | null = null;
  for (const time of times) if (best === null || isBetter(Date.parse(time), Date.parse(best))) best = time;
  return best;
}
