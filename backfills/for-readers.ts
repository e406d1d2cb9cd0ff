/** Backfills for readers and people, who start, join, expedite, list, describe and cancel them. */
import { WorkflowNotFoundError } from '@temporalio/client';
import { LRUCache } from 'lru-cache';
import pTimeout from 'p-timeout';
import type { Logger } from 'pino';
import type { Database } from '../prisma/database.js';
import type { OrganizationScope } from '../prisma/organization-scope.js';
import {
  cancelBackfill,
  cancelClaim,
  findHold,
  isNamedCancelled,
  nameCancelled,
} from '../prisma/queries/cancel-backfill.js';
import {
  claimBackfill,
  claimManualBackfill,
  passHoldOn,
  releaseBackfillClaim,
  type BackfillClaim,
} from '../prisma/queries/claim-backfill.js';
import { resetAbandoned } from '../prisma/queries/pending-backfills.js';
import { expediteSignal, type AttemptRef, type BackfillInput, type BackfillType, type Trigger } from './definitions.js';
import { findRunning, listBackfills, wasRunning, type BackfillFilter, type BackfillListing } from './find.js';
import type { AttemptLabels } from '../prisma/queries/list-needing-backfill.js';
import { describeNewest, type BackfillDescription } from './describe.js';
import { CANCELLED_SECONDS, endBackfill, untilEnded, type BackfillRun } from './end-backfill.js';
import { countEnd, countRequest } from './metrics.js';
import { InstallationNames, type Installation } from './installation.js';
import { PageTokenSeal } from './page-token.js';
import { startBackfill, type StartedBackfill } from './start.js';
import type { TemporalDoor } from './temporal-door.js';

export interface BackfillsOptions {
  temporal: TemporalDoor;
  installation: Installation;
  database: Database;
  logger: Logger;
  /** How long a backfill waits for a node that has disconnected. */
  nodeTimeoutSeconds: number;
  /** How long a cancelled backfill may take to end before it is terminated. @format ms @default 30,000 */
  cancelPatienceMs?: number;
  /** How long a start waits for the end of a cancelled backfill before it terminates it. @format ms @default 5,000 */
  startPatienceMs?: number;
  /** The try of one workflow task from which a backfill counts as stuck, and is ended. @default 6 */
  stuckTries?: number;
}

/** What a read of a partial attempt led to. `requested` means that Temporal has not answered yet. */
export type ReadRequest = 'started' | 'joined' | 'requested' | 'nothing' | 'failed';

export interface Backfills {
  /** @returns the id that the attempt's backfill has as a workflow */
  workflowIdOf(attemptId: string): string;
  /**
   * For a reader of a partial attempt: starts a backfill if needed. Never throws, and waits at most 100 ms for
   * Temporal.
   */
  requestByRead(scope: OrganizationScope, attemptId: string): Promise<ReadRequest>;
  /**
   * For a reader who waits for the running backfill: lets it run ahead of others. If none is running any more, starts
   * one as {@link requestByRead} does. Never throws, and returns at once.
   */
  expedite(scope: OrganizationScope, attemptId: string): void;
  /**
   * For a person: starts a backfill in any state, or joins the running one. One that was cancelled before is not joined:
   * the start waits for its end.
   * @throws TemporalUnavailableError
   */
  start(scope: OrganizationScope, attempt: AttemptRef, type: BackfillType): Promise<StartedBackfill>;
  /**
   * Cancels the running backfill and pauses the attempt, so that no other backfill starts by itself. A run that does
   * not end then is terminated.
   * @returns false if none was running or about to start, or it has just made the attempt complete
   * @throws TemporalUnavailableError
   */
  cancel(scope: OrganizationScope, attemptId: string): Promise<boolean>;
  /**
   * @returns the newest run of the attempt's backfill; undefined if Temporal knows none
   * @throws TemporalUnavailableError
   */
  describe(attempt: AttemptRef): Promise<BackfillDescription | undefined>;
  /** @returns backfills of the scope's organisation, newest first @throws PageTokenError, TemporalUnavailableError */
  list(scope: OrganizationScope, filter: BackfillFilter): Promise<BackfillListing>;
}

/** After this time a read goes on without Temporal's answer, since a busy Temporal must not slow down reads. */
const READ_WAIT_MS = 100;
/** However many read an attempt, its backfill is expedited only once in this interval. */
const EXPEDITE_INTERVAL_MS = 5_000;
const MAX_REMEMBERED_EXPEDITES = 10_000;

/** Enough for a step to notice its cancellation or to die, and for the run to settle. */
const CANCEL_PATIENCE_MS = CANCELLED_SECONDS * 1000;
/** A person waits for it. A step usually notices within two seconds. */
const START_PATIENCE_MS = 5_000;
const CANCEL_TRIES = 3;

export function createBackfills(options: BackfillsOptions): Backfills {
  const { temporal, installation, database, logger, nodeTimeoutSeconds, stuckTries } = options;
  const { cancelPatienceMs = CANCEL_PATIENCE_MS, startPatienceMs = START_PATIENCE_MS } = options;
  const names = new InstallationNames(installation);
  const tokens = new PageTokenSeal(installation.id);
  const expedited = new LRUCache<string, true>({ max: MAX_REMEMBERED_EXPEDITES, ttl: EXPEDITE_INTERVAL_MS });

  const ending = { temporal, database, logger };

  const find = (attemptId: string) =>
    temporal.call('management', (client) => findRunning(client, attemptId, stuckTries));

  function inputOf(claim: BackfillClaim, trigger: Trigger, type: BackfillType): BackfillInput {
    const { attemptId, nodeId, organizationId, location, claimedAt } = claim;
    const ref = { attemptId, nodeId, organizationId, claim: claimedAt };
    return { ...ref, trigger, type, nodeTimeoutSeconds, ...(location && { location }) };
  }

  async function startClaimed(claim: BackfillClaim, start: () => Promise<StartedBackfill>): Promise<StartedBackfill> {
    try {
      const started = await start();
      // a run that was joined looks at the attempt again before it ends, without a claim
      if (started.joined && !claim.isShared) await releaseBackfillClaim(database, claim);
      if (!started.joined && claim.heldBy !== undefined) await passHoldOn(database, claim, started.runId);
      return started;
    } catch (error) {
      await releaseBackfillClaim(database, claim);
      throw error;
    }
  }

  async function endBefore(run: BackfillRun, reason: 'cancelled' | 'stuck'): Promise<void> {
    if (reason === 'cancelled') {
      await nameCancelled(database, run.attemptId, run.runId);
      await untilEnded(temporal, run, startPatienceMs);
    }
    await endBackfill(ending, run, reason, 'management');
  }

  /**
   * Starts after the end of a run that was cancelled before, or is stuck, which the start must not join.
   * @param stuckRun a run that was stuck a moment ago: between two tries of its task, it does not look so
   */
  async function startByHand(
    input: BackfillInput,
    stuckRun: string | undefined,
    labels?: AttemptLabels,
  ): Promise<StartedBackfill> {
    const { attemptId } = input;
    const start = () => temporal.call('management', (client) => startBackfill(client, input, labels));
    const started = await start();
    if (!started.joined) return started;
    const running = await find(attemptId);
    if (!running) return start();
    const { runId } = running;
    const isCancelled = running.isCancelled || (await isNamedCancelled(database, attemptId, runId));
    if (!isCancelled && !running.isStuck && runId !== stuckRun) return started;
    await endBefore({ attemptId, runId }, isCancelled ? 'cancelled' : 'stuck');
    return start();
  }

  /** For a run that fails again and again, or that no worker takes. If this process ends before, the schedule does it. */
  function endLater(run: BackfillRun): void {
    const timer = setTimeout(() => {
      endBackfill(ending, run, 'cancelled', 'management').catch((error: unknown) =>
        logger.warn({ err: error, ...run }, 'the schedule ends the cancelled backfill'),
      );
    }, cancelPatienceMs);
    timer.unref();
  }

  const requestByRead: Backfills['requestByRead'] = async (scope, attemptId) => {
    const failed = (error: unknown): ReadRequest => {
      logger.warn({ err: error, attemptId }, 'a read could not start a backfill');
      return 'failed';
    };
    const claim = await claimBackfill(scope, attemptId).catch(failed);
    if (claim === undefined) return 'nothing';
    if (typeof claim === 'string') return claim;
    const input = inputOf(claim, 'read', 'full_attempt');
    countRequest('read');
    const starting = startClaimed(claim, () =>
      temporal.call('request', (client) => startBackfill(client, input, claim)),
    )
      .then(({ joined }): ReadRequest => (joined ? 'joined' : 'started'))
      .catch(failed);
    return pTimeout(starting, { milliseconds: READ_WAIT_MS, fallback: () => 'requested' as const });
  };

  return {
    workflowIdOf: (attemptId) => names.backfillId(attemptId),

    requestByRead,

    expedite(scope, attemptId) {
      if (expedited.has(attemptId)) return;
      expedited.set(attemptId, true);
      temporal
        .call('request', (client) =>
          client.workflow.getHandle(client.names.backfillId(attemptId)).signal(expediteSignal),
        )
        .catch(async (error: unknown) => {
          if (!(error instanceof WorkflowNotFoundError)) throw error;
          const seconds = await resetAbandoned(scope, attemptId);
          if (seconds === undefined) return;
          countEnd({ state: 'partial', seconds }, 'workflow_lost');
          await requestByRead(scope, attemptId);
        })
        .catch((error: unknown) => logger.debug({ err: error, attemptId }, 'expedite failed'));
    },

    async start(scope, attempt, type) {
      const before = await find(attempt.attemptId);
      const cancelledRun = before?.isCancelled ? before.runId : undefined;
      const stuckRun = before?.isStuck ? before.runId : undefined;
      const claim = await claimManualBackfill(scope, attempt.attemptId, cancelledRun);
      countRequest('manual');
      if (claim) return startClaimed(claim, () => startByHand(inputOf(claim, 'manual', type), stuckRun, claim));
      return startByHand({ ...attempt, trigger: 'manual', type, nodeTimeoutSeconds }, stuckRun);
    },

    async cancel(scope, attemptId) {
      for (let tries = 1; ; tries++) {
        const hold = await findHold(scope, attemptId);
        const running = await find(attemptId);
        if (!running) {
          if (hold?.state !== 'pending_backfill') return false;
          const cancelled = await cancelClaim(database, scope, attemptId, hold.runId);
          countEnd(cancelled, 'cancelled');
          if (cancelled || tries === CANCEL_TRIES) return cancelled !== undefined;
          continue; // a run has just taken it over, or ended
        }
        // paused first, so that nothing that sees the cancelled run end starts another
        await cancelBackfill(scope, attemptId, running.runId);
        const isTold = await temporal.call('management', (client) => {
          const options = { firstExecutionRunId: running.runId };
          return wasRunning(client.workflow.getHandle(client.names.backfillId(attemptId), undefined, options).cancel());
        });
        if (isTold) endLater({ attemptId, runId: running.runId });
        // one that has ended by itself in the meantime is cancelled as well, unless it has made the attempt complete
        return isTold || (await findHold(scope, attemptId))?.state !== 'complete';
      }
    },

    describe: (attempt) => describeNewest(temporal, database, attempt),

    async list({ organizationId }, filter) {
      const pageToken = filter.pageToken && tokens.open(filter.pageToken, organizationId);
      const listing = await temporal.call('management', (client) =>
        listBackfills(client, organizationId, { ...filter, pageToken }),
      );
      const { backfills, nextPageToken } = listing;
      return { backfills, nextPageToken: nextPageToken && tokens.seal(nextPageToken, organizationId) };
    },
  };
}
