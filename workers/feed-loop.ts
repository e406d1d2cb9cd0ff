/** Gives changes their positions in the feed, again and again. Any number of hives may do it: one is at it at a time. */
import type { Logger } from 'pino';
import { RepeatedErrors } from '../gateway/repeated-errors.js';
import type { Database } from '../prisma/database.js';
import { NOTES, numberChanges } from '../prisma/queries/feed/number-changes.js';
import { startRounds } from './rounds.js';

const INTERVAL_MS = 750;

export interface FeedLoopDeps {
  database: Database;
  logger: Logger;
}

/** @returns a function that stops the loop, and resolves when it has stopped */
export function startFeedLoop({ database, logger }: FeedLoopDeps): () => Promise<void> {
  const repeated = new RepeatedErrors();
  let notes = NOTES;
  return startRounds(async () => {
    try {
      const { hasMore } = await numberChanges(database, { notes });
      notes = Math.min(NOTES, notes * 2);
      return hasMore ? 0 : INTERVAL_MS;
    } catch (error) {
      // attempts with very many executions may take too long together, and must not hold up all others for ever
      notes = Math.max(1, Math.floor(notes / 8));
      if (repeated.isNew(error)) logger.warn({ err: error }, 'changes could not be numbered; trying again');
      return INTERVAL_MS;
    }
  });
}
