/** Backfills for readers and people, who start, join, expedite, list, describe and cancel them. */
import { WorkflowNotFoundError } from '@temporalio/client';
import { LRUCache } from 'lru-cache';
import pTimeout from 'p-timeout';
import type { Logger } from 'pino';
import type { Database } from '../prisma/database.js';
import type { OrganizationScope } from '../prisma/organization-scope.js';
import {
  claimBackfill,
  claimManualBackfill,
  pauseBackfills,
  releaseBackfillClaim,
  type BackfillClaim,
} from '../prisma/queries/claim-backfill.js';
import { expediteSignal, type AttemptRef, type BackfillInput, type BackfillType, type Trigger } from './definitions.js';
import {
  describeBackfill,
  listBackfills,
  type BackfillDescription,
  type BackfillFilter,
  type BackfillListing,
} from './find.js';
import { countRequest } from './metrics.js';
import { InstallationNames, type Installation } from './installation.js';
import { PageTokenSeal } from './page-token.js';
import { startBackfill, type StartedBackfill } from './start.js';
import type { TemporalCaller, TemporalDoor } from './temporal-door.js';

export interface BackfillsOptions {
  temporal: TemporalDoor;
  installation: Installation;
  database: Database;
  logger: Logger;
  /** How long a backfill waits for a node that has disconnected. */
  nodeTimeoutSeconds: number;
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
   * For a reader who waits for the running backfill: lets it run ahead of others. Never throws, and returns at once.
   */
  expedite(attemptId: string): void;
  /** For a person: starts a backfill in any state, or joins the running one. @throws TemporalUnavailableError */
  start(scope: OrganizationScope, attempt: AttemptRef, type: BackfillType): Promise<StartedBackfill>;
  /**
   * Cancels the running backfill and pauses the attempt, so that no other backfill starts by itself.
   * @returns whether one was running
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

export function createBackfills(options: BackfillsOptions): Backfills {
  const { temporal, installation, database, logger, nodeTimeoutSeconds } = options;
  const names = new InstallationNames(installation);
  const tokens = new PageTokenSeal(installation.id);
  const expedited = new LRUCache<string, true>({ max: MAX_REMEMBERED_EXPEDITES, ttl: EXPEDITE_INTERVAL_MS });

  async function startClaimed(claim: BackfillClaim, trigger: Trigger, type: BackfillType, caller: TemporalCaller) {
    const { attemptId, nodeId, organizationId, location } = claim;
    const input: BackfillInput = { attemptId, nodeId, organizationId, trigger, type, nodeTimeoutSeconds };
    if (location) input.location = location;
    countRequest(trigger);
    try {
      const started = await temporal.call(caller, (client) => startBackfill(client, input));
      // the run that was joined may have settled already, and then only the schedule would release the claim
      if (started.joined) await releaseBackfillClaim(database, claim);
      return started;
    } catch (error) {
      await releaseBackfillClaim(database, claim);
      throw error;
    }
  }

  return {
    workflowIdOf: (attemptId) => names.backfillId(attemptId),

    async requestByRead(scope, attemptId) {
      const failed = (error: unknown): ReadRequest => {
        logger.warn({ err: error, attemptId }, 'a read could not start a backfill');
        return 'failed';
      };
      const claim = await claimBackfill(scope, attemptId).catch(failed);
      if (claim === undefined) return 'nothing';
      if (typeof claim === 'string') return claim;
      const starting = startClaimed(claim, 'read', 'full_attempt', 'request')
        .then(({ joined }): ReadRequest => (joined ? 'joined' : 'started'))
        .catch(failed);
      return pTimeout(starting, { milliseconds: READ_WAIT_MS, fallback: () => 'requested' as const });
    },

    expedite(attemptId) {
      if (expedited.has(attemptId)) return;
      expedited.set(attemptId, true);
      temporal
        .call('request', (client) =>
          client.workflow.getHandle(client.names.backfillId(attemptId)).signal(expediteSignal),
        )
        .catch((error: unknown) => {
          if (!(error instanceof WorkflowNotFoundError)) logger.debug({ err: error, attemptId }, 'expedite failed');
        });
    },

    async start(scope, attempt, type) {
      const claim = await claimManualBackfill(scope, attempt.attemptId);
      if (claim) return startClaimed(claim, 'manual', type, 'management');
      countRequest('manual');
      return temporal.call('management', (client) =>
        startBackfill(client, { ...attempt, trigger: 'manual', type, nodeTimeoutSeconds }),
      );
    },

    async cancel(scope, attemptId) {
      return temporal.call('management', async (client) => {
        const handle = client.workflow.getHandle(client.names.backfillId(attemptId));
        try {
          if ((await handle.describe()).status.name !== 'RUNNING') return false;
          // paused first, so that nothing that sees the cancelled run end starts another
          await pauseBackfills(scope, attemptId);
          await handle.cancel();
          return true;
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) return false;
          throw error;
        }
      });
    },

    describe: (attempt) => temporal.call('management', (client) => describeBackfill(client, attempt)),

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
