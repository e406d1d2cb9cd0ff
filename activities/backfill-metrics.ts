import { backfillFailures, backfillLatency, backfillRequests, backfillSuccesses } from '../api/metrics.js';
import type { Settled } from '../prisma/queries/settle-backfill.js';
import type { Trigger } from '../workflows/definitions.js';

/** Reads and people are counted where they ask (api/backfills.ts); what a drain starts is counted when it begins. */
export function countRequest(trigger: Trigger): void {
  if (trigger === 'reconnect' || trigger === 'schedule') backfillRequests.inc({ trigger });
}

/** Counts the end of a backfill. A run that no longer held the attempt has been counted, or replaced by a newer one. */
export function countEnd(settled: Settled | undefined, reason: string): void {
  if (settled?.seconds == null) return;
  backfillLatency.observe(settled.seconds);
  if (settled.state === 'complete') backfillSuccesses.inc();
  else backfillFailures.inc({ reason });
}
