/** Gives what happens to the webhooks' workflows within a second; what it can't do, the schedule does later. */
import type { Logger } from 'pino';
import { startDeliveries } from '../backfills/start-deliveries.js';
import { TemporalUnavailableError, type TemporalDoor } from '../backfills/temporal-door.js';
import { RepeatedErrors } from '../gateway/repeated-errors.js';
import type { Database } from '../prisma/database.js';
import { startRounds } from './rounds.js';

const ROUND_MS = 1000;
/** After a failure: the services may be away for long. */
const RETRY_MS = 10_000;

export interface WebhookLoopDeps {
  database: Database;
  temporal: TemporalDoor;
  logger: Logger;
}

/** @returns a function that stops the loop, and resolves when it has stopped */
export function startWebhookLoop(deps: WebhookLoopDeps): () => Promise<void> {
  const repeated = new RepeatedErrors();
  return startRounds(async () => {
    try {
      const { failure } = await startDeliveries(deps, 'activity');
      if (failure === undefined) return ROUND_MS;
      throw failure;
    } catch (error) {
      const level = error instanceof TemporalUnavailableError ? 'debug' : 'warn'; // the link tells of that
      if (repeated.isNew(error)) deps.logger[level]({ err: error }, 'deliveries to webhooks not started');
      return RETRY_MS;
    }
  });
}
