import { setTimeout as sleep } from 'node:timers/promises';
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import { findAttemptState, type AttemptSyncState } from '../../prisma/queries/find-attempt.js';
import { isLookWanted } from '../../prisma/queries/v1/looks.js';

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 250;

/**
 * @param joined whether a running backfill has just been joined. It counts even while the row says `partial`, because
 * that workflow holds the row in a moment.
 * @returns whether a backfill is under way
 */
export function isUnderWay(
  { state, needsBackfill }: Pick<AttemptSyncState, 'state' | 'needsBackfill'>,
  joined: boolean,
): boolean {
  return state === 'pending_backfill' || (state === 'partial' && needsBackfill && joined);
}

export interface ReadWait {
  seconds: number;
  signal: AbortSignal;
}

/** Reads that wait: a bounded number, each polling less and less often. */
export class WaitingReads {
  #waiting = 0;

  constructor(readonly limit: number) {}

  /**
   * Waits until the attempt's backfill has ended, the time is up or the signal aborts. Returns at once if too many
   * reads are already waiting.
   */
  async wait(
    scope: OrganizationScope,
    attemptId: string,
    { joined, ...wait }: ReadWait & { joined: boolean },
  ): Promise<void> {
    const before = joined ? await findAttemptState(scope, attemptId) : undefined;
    let isExpected = joined && before?.state !== 'pending_backfill';
    return this.#poll(wait, async () => {
      const state = await findAttemptState(scope, attemptId);
      // once it has been held, which may be between two looks, partial is an end
      if (state?.requestedAt !== before?.requestedAt) isExpected = false;
      if (!state || !isUnderWay(state, isExpected)) return true;
      if (state.state === 'pending_backfill') isExpected = false;
      return false;
    });
  }

  /** Waits in the same way until the attempt's node has been asked whether its executions have ended. */
  waitForLook(scope: OrganizationScope, attemptId: string, wait: ReadWait): Promise<void> {
    return this.#poll(wait, async () => !(await isLookWanted(scope, attemptId)));
  }

  async #poll({ seconds, signal }: ReadWait, isOver: () => Promise<boolean>): Promise<void> {
    if (this.#waiting >= this.limit) return;
    this.#waiting++;
    try {
      const until = performance.now() + seconds * 1000;
      for (let pause = FIRST_PAUSE_MS; !signal.aborted; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
        const left = until - performance.now();
        if (left <= 0) return;
        await sleep(Math.min(pause, left), undefined, { signal }).catch(() => undefined);
        if (await isOver()) return;
      }
    } finally {
      this.#waiting--;
    }
  }
}
