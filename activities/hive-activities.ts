/** Activities that any hive can run: they need PostgreSQL and Temporal, but no socket. */
import { Context } from '@temporalio/activity';
import type { Logger } from 'pino';
import type { Database } from '../prisma/database.js';
import { removeDeleted } from '../prisma/queries/delete-attempt.js';
import { findLease } from '../prisma/queries/lease.js';
import { endTurns, listNodesToDrain } from '../prisma/queries/list-needing-backfill.js';
import { settleBackfill, type AttemptLines, type Settlement } from '../prisma/queries/settle-backfill.js';
import { listStaleBackfills } from '../prisma/queries/pending-backfills.js';
import type { SyncState } from '../protocol/frames.js';
import type { NodeLocation } from '../backfills/definitions.js';
import { countEnd } from '../backfills/metrics.js';
import { signalDrain } from '../backfills/start.js';
import type { TemporalDoor } from '../backfills/temporal-door.js';
import { isOver, type BoundedWork } from './bounded-work.js';
import { compactLogs, type Compacted } from './compact-logs.js';
import { indexLogs, type BuildPageFilter, type Indexed } from './index-logs.js';
import { endCancelledBackfills, endStaleBackfill } from './lost-backfills.js';
import { drainStep, type DrainStep, type DrainStepInput } from './drain-step.js';
import { sweep, type Swept } from './sweep.js';
import { tendWebhooks, type TendedWebhooks } from './webhooks/tend-webhooks.js';

export interface HiveActivityDeps {
  database: Database;
  temporal: TemporalDoor;
  /** Aborted when the process stops: activities that take seconds end early, and another hive goes on. */
  stopping: AbortSignal;
  logger: Logger;
  backfillConcurrency: number;
  nodeTimeoutSeconds: number;
  backfillTimeoutMinutes: number;
  /** Makes a page's filter for searches. @default in this thread */
  buildPageFilter?: BuildPageFilter;
  /** How long a cancelled backfill may take to end before it is terminated. @format s @default 30 */
  cancelledSeconds?: number;
  /** The try of one workflow task from which a backfill counts as stuck, and is ended. @default 6 */
  stuckTries?: number;
}

/** How far a sweep over many rows has come; `next` is absent when it is done. */
export interface SweepPage {
  changed: number;
  /** Rows that failed, each alone. @default 0 */
  failed?: number;
  next?: string;
}

/** Counts are absent if the run goes on, and from hives of an older version. */
export interface SettledAttempt extends Partial<AttemptLines> {
  state: SyncState;
  goesOn?: boolean;
}

/** Rows per listing, so that lists in a workflow's history stay small. */
const PAGE_SIZE = 100;
/** Nodes that one round drains: a few seconds of work for one hive. */
const DRAINS_A_ROUND = 100;
/** The longest that one round compacts: it runs beside reads and backfills, and the next round goes on. */
const COMPACTION_MS = 20_000;
/** The longest that one round indexes. */
const INDEXING_MS = 20_000;
/** The longest that one round removes what is left of deleted attempts. */
const REMOVAL_MS = 20_000;

export function createHiveActivities(deps: HiveActivityDeps) {
  const { database, temporal } = deps;

  return {
    /** @returns the queue of the hive that has the node's socket; undefined if none has */
    locateNode: (nodeId: string): Promise<NodeLocation | undefined> => findLease(database, nodeId),

    /**
     * Ends the run's hold on the attempt, unless the run has to go on.
     * @returns the attempt's state and what the hive has of it; undefined if the attempt is gone
     */
    async settleAttempt(settlement: Settlement): Promise<SettledAttempt | undefined> {
      const settled = await settleBackfill(database, settlement);
      if (!settled) return undefined;
      const { state, executions, linesDeclared, linesStored, goesOn = false } = settled;
      if (goesOn) return { state, goesOn };
      countEnd(settled, settlement.reason ?? settlement.ending);
      return { state, executions, linesDeclared, linesStored };
    },

    /** Backfills the node's attempts that need it, newest first, for a few seconds. */
    drainStep: (input: DrainStepInput): Promise<DrainStep> => drainStep(deps, input),

    /**
     * Frees attempts whose workflow no longer runs although they are marked as being backfilled, and ends those that
     * were cancelled and still run.
     */
    async resetStaleBackfills(after: string | undefined): Promise<SweepPage> {
      if (after === undefined) await endCancelledBackfills(deps);
      const stale = await listStaleBackfills(database, deps.backfillTimeoutMinutes, after, PAGE_SIZE);
      const swept = await sweep(stale, (backfill) => endStaleBackfill(deps, backfill));
      for (const { item, error } of swept.failures) {
        deps.logger.warn({ err: error, attemptId: item.attemptId }, 'could not look whether the backfill still runs');
      }
      const isAll = swept.done === stale.length && stale.length < PAGE_SIZE;
      return page(swept, isAll ? undefined : stale[swept.done - 1]?.attemptId);
    },

    /**
     * Starts or signals the drains of connected nodes that have attempts to backfill, but not of all nodes at once:
     * when thousands of them come back, their hives start drains as others end, and a round that started the rest would
     * undo that.
     */
    async drainConnectedNodes(): Promise<SweepPage> {
      const nodes = await listNodesToDrain(database, DRAINS_A_ROUND);
      const { backfillConcurrency: concurrency, nodeTimeoutSeconds } = deps;
      const swept = await sweep(nodes, async ({ nodeName, ...node }) => {
        const drain = { ...node, concurrency, nodeTimeoutSeconds };
        await temporal.call('activity', (client) => signalDrain(client, drain, 'schedule', { nodeName }));
        return true;
      });
      for (const { item, error } of swept.failures) {
        deps.logger.warn({ err: error, nodeId: item.nodeId }, 'could not request the drain of the node');
      }
      await endTurns(
        database,
        nodes.slice(0, swept.done).map(({ nodeId }) => nodeId),
      );
      return page(swept);
    },

    /**
     * Joins small pages of ended executions for a few seconds, after removing what a hive that died had still to remove
     * of deleted attempts.
     */
    async compactLogs(): Promise<Compacted> {
      const context = Context.current();
      await removeLeft(deps, context);
      const { timeUp, ...compacted } = await compactLogs({
        database,
        logger: deps.logger,
        ...boundsOf(deps, context, COMPACTION_MS),
      });
      if (compacted.pagesBefore > 0) deps.logger.info({ ...compacted, timeUp }, 'compacted logs');
      return compacted;
    },

    /** Indexes pages of ended executions for searches, for a few seconds. */
    async indexLogs(): Promise<Indexed> {
      const context = Context.current();
      const { timeUp, ...indexed } = await indexLogs({
        database,
        logger: deps.logger,
        ...(deps.buildPageFilter && { buildPageFilter: deps.buildPageFilter }),
        ...boundsOf(deps, context, INDEXING_MS),
      });
      if (indexed.pages > 0) deps.logger.info({ ...indexed, timeUp }, 'indexed logs for search');
      return indexed;
    },

    /** Tells webhooks of nodes that are away, starts deliveries that no hive has started, and ends old ones. */
    tendWebhooks: (): Promise<TendedWebhooks> => tendWebhooks(deps),
  };
}

function boundsOf({ stopping }: Pick<HiveActivityDeps, 'stopping'>, context: Context, ms: number): BoundedWork {
  return {
    until: performance.now() + ms,
    signal: AbortSignal.any([context.cancellationSignal, stopping]),
    alive: () => context.heartbeat(),
  };
}

/** What is left in vain is left to the next round: it must not keep logs from being compacted. */
async function removeLeft({ database, logger, stopping }: HiveActivityDeps, context: Context): Promise<void> {
  const work = boundsOf({ stopping }, context, REMOVAL_MS);
  try {
    const pages = await removeDeleted(database, () => {
      context.heartbeat();
      return isOver(work);
    });
    if (pages > 0) logger.info({ pages }, 'removed what was left of deleted attempts');
  } catch (error) {
    logger.warn({ err: error }, 'what is left of deleted attempts could not be removed');
  }
}

function page({ changed, failures }: Swept<unknown>, next?: string): SweepPage {
  return { changed, ...(failures.length > 0 && { failed: failures.length }), ...(next !== undefined && { next }) };
}

export type HiveActivities = ReturnType<typeof createHiveActivities>;
