/** Metrics of backfills. A label is a code, never an id, so that metrics reveal nothing about organisations. */
import { Counter, Histogram } from 'prom-client';
import type { ComputedSync } from '../prisma/queries/attempt-state.js';
import type { Settled } from '../prisma/queries/settle-backfill.js';
import type { Trigger } from './definitions.js';

const backfillRequests = new Counter({
  name: 'backfill_requests_total',
  help: 'Backfills requested, by trigger: read, reconnect, schedule or manual.',
  labelNames: ['trigger'],
});

const backfillSuccesses = new Counter({
  name: 'backfill_success_total',
  help: 'Backfills after which the attempt was complete.',
});

const backfillFailures = new Counter({
  name: 'backfill_failures_total',
  help: 'Backfills after which the attempt was not complete, by reason.',
  labelNames: ['reason'],
});

const backfillLatency = new Histogram({
  name: 'backfill_latency_seconds',
  help: 'Time from the request for a backfill to its end.',
  buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800],
});

/** Counts a backfill that a reader or a person requested. */
export function countRequest(trigger: Trigger): void {
  backfillRequests.inc({ trigger });
}

/** Counts a backfill when it begins, if no reader or person requested it: those are counted by {@link countRequest}. */
export function countBeginning(trigger: Trigger): void {
  if (trigger === 'reconnect' || trigger === 'schedule') backfillRequests.inc({ trigger });
}

/**
 * Counts the backfills that ended because the attempt became complete while they ran: the gateway stores an answer, or
 * the last live line, before the run looks again. The run's own end is then not counted any more.
 */
export function countCompleted(syncs: Pick<ComputedSync, 'backfillSeconds'>[]): void {
  for (const { backfillSeconds } of syncs) {
    if (backfillSeconds === null) continue;
    backfillLatency.observe(backfillSeconds);
    backfillSuccesses.inc();
  }
}

/**
 * Counts the end of a backfill. A run that no longer holds the attempt was counted before, or replaced by a newer one.
 */
export function countEnd(settled: Pick<Settled, 'seconds' | 'state'> | undefined, reason: string): void {
  if (settled?.seconds == null) return;
  backfillLatency.observe(settled.seconds);
  if (settled.state === 'complete') backfillSuccesses.inc();
  else backfillFailures.inc({ reason });
}
