/** The schedule's part in webhooks: what the hives' own rounds do not see, or could not do. */
import { Context } from '@temporalio/activity';
import { startDeliveries } from '../../backfills/start-deliveries.js';
import type { TemporalDoor } from '../../backfills/temporal-door.js';
import type { Queryable } from '../../prisma/database.js';
import { takeBackLost } from '../../prisma/queries/webhooks/hand-over.js';
import { deleteEndedEvents, giveUpOld, recordOfflineNodes } from '../../prisma/queries/webhooks/tend-events.js';
import { TRIED_FOR_MS } from './deliver-next.js';

const HEARTBEAT_MS = 5000;

export interface TendedWebhooks {
  /** Nodes that webhooks are told of, because they are away. */
  offline: number;
  started: number;
  givenUp: number;
  deleted: number;
}

export async function tendWebhooks(deps: { database: Queryable; temporal: TemporalDoor }): Promise<TendedWebhooks> {
  const { database } = deps;
  const context = Context.current();
  const heartbeat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
  try {
    const offline = await recordOfflineNodes(database);
    const givenUp = await giveUpOld(database, TRIED_FOR_MS);
    const deleted = await deleteEndedEvents(database);
    await takeBackLost(database);
    const { started, failure } = await startDeliveries(deps, 'activity');
    if (failure !== undefined) throw failure;
    return { offline, started, givenUp, deleted };
  } finally {
    clearInterval(heartbeat);
  }
}
