/** What happens next to the hive's copy of an attempt: said here once, for the console, the command line and programs. */
import type { z } from 'zod';
import type { AttemptDetailRow } from '../../prisma/queries/find-attempt.js';
import type { sync } from '../schemas/attempt.js';
import { whyUnavailable } from './unavailable.js';

type WhatNext = z.input<typeof sync>['next'];

/** What of an attempt decides it. */
export type Situation = Pick<
  AttemptDetailRow,
  'state' | 'needsBackfill' | 'paused' | 'retryAt' | 'unavailableReason' | 'allEnded' | 'nodeName' | 'nodeStatus'
>;

export function whatNext(attempt: Situation): WhatNext {
  const { state, nodeName: node } = attempt;
  const isOffline = attempt.nodeStatus === 'offline';
  switch (state) {
    case 'complete':
      return { code: 'nothing_missing', sentence: 'The hive has every line.' };
    case 'unavailable':
      return { code: 'will_not_come', sentence: whyUnavailable(attempt.unavailableReason) };
    case 'pending_backfill':
      return isOffline
        ? {
            code: 'backfill_waits_for_node',
            sentence: `A backfill is under way, and waits for node ${node} to return.`,
          }
        : { code: 'backfill_running', sentence: 'A backfill is under way.' };
    case 'partial':
      return ofPartial(attempt, isOffline);
  }
}

function ofPartial(
  { needsBackfill, paused, retryAt, allEnded, nodeName: node }: Situation,
  isOffline: boolean,
): WhatNext {
  if (paused) {
    return {
      code: 'held',
      sentence: 'A backfill was cancelled: none starts by itself until somebody starts one.',
    };
  }
  if (!needsBackfill && allEnded) {
    return {
      code: 'set_aside',
      sentence: `What is missing could not be stored. It is tried again when node ${node} announces a change of it, or when somebody starts a backfill.`,
    };
  }
  if (isOffline) {
    const what = needsBackfill ? 'What is missing comes' : 'What has been printed since then comes';
    return { code: 'waits_for_node', sentence: `${what} when node ${node} returns.` };
  }
  if (!needsBackfill)
    return { code: 'lines_arrive_live', sentence: 'It runs, and its lines arrive as they are printed.' };
  if (retryAt !== null && retryAt.getTime() > new Date().getTime()) {
    return {
      code: 'backfill_after_retry_at',
      sentence: 'The last backfill got no further. The next one starts by itself after a pause.',
    };
  }
  return { code: 'backfill_soon', sentence: 'A backfill starts by itself within a minute.' };
}
