/** Backfills as the API knows them: asked for by readers and people, listed, inspected and cancelled through Temporal. */
import { isGrpcServiceError, ServiceError, WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { Logger } from 'pino';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../prisma/client.js';
import type { OrganizationScope } from '../prisma/organization-scope.js';
import {
  claimBackfill,
  claimManualBackfill,
  holdBackfills,
  releaseBackfillClaim,
  type BackfillClaim,
} from '../prisma/queries/claim-backfill.js';
import {
  backfillWorkflowId,
  expediteSignal,
  type AttemptRef,
  type BackfillInput,
  type BackfillType,
  type Trigger,
} from '../workflows/definitions.js';
import { startBackfill, TEMPORAL_DEADLINE_MS, type StartedBackfill } from '../workflows/starter.js';
import {
  describeBackfill,
  listBackfills,
  type BackfillDescription,
  type BackfillFilter,
  type BackfillListing,
} from './backfill-listing.js';
import { Coalescer } from './coalescer.js';
import { backfillRequests } from './metrics.js';

/** Temporal can't be reached, or does not answer in time. */
export class TemporalUnavailableError extends Error {
  override readonly name = 'TemporalUnavailableError';
}

export interface BackfillsOptions {
  /** Temporal's client, while Temporal is there. */
  client: () => Client | undefined;
  database: Database;
  logger: Logger;
  /** How long a backfill waits for a node that went away. */
  nodeTimeoutSeconds: number;
}

/** What a read of a partial attempt led to; `requested`: Temporal has not answered yet. */
export type ReadRequest = 'started' | 'joined' | 'requested' | 'nothing' | 'failed';

export interface Backfills {
  /** For a reader of a partial attempt. Never throws, and waits no longer than 100 ms for Temporal. */
  requestByRead(scope: OrganizationScope, attemptId: string): Promise<ReadRequest>;
  /** A reader waits for the backfill that runs: let it run ahead of others. Never throws, and is not waited for. */
  expedite(attemptId: string): void;
  /** For a person: starts one in any state, or joins the one that runs. @throws TemporalUnavailableError */
  start(scope: OrganizationScope, attempt: AttemptRef, type: BackfillType): Promise<StartedBackfill>;
  /** Cancels the one that runs, and holds further ones back. False when none runs. @throws TemporalUnavailableError */
  cancel(scope: OrganizationScope, attemptId: string): Promise<boolean>;
  /** The newest run for the attempt; undefined where Temporal knows none. @throws TemporalUnavailableError */
  describe(attempt: AttemptRef): Promise<BackfillDescription | undefined>;
  /** Newest first, of the scope's organisation. @throws TemporalUnavailableError */
  list(scope: OrganizationScope, filter: BackfillFilter): Promise<BackfillListing>;
}

/** Calls that a person waits for, not a read. */
const MANAGEMENT_DEADLINE_MS = 5_000;
/** A read goes on without Temporal's answer after this: a busy Temporal must not slow reading down. */
const READ_WAIT_MS = 100;
/** One expedite signal an attempt in so long, however many read it. */
const EXPEDITE_INTERVAL_MS = 5_000;

export function createBackfills({ client, database, logger, nodeTimeoutSeconds }: BackfillsOptions): Backfills {
  const expedites = new Coalescer(EXPEDITE_INTERVAL_MS);

  async function startClaimed(claim: BackfillClaim, trigger: Trigger, type: BackfillType, deadlineMs: number) {
    const { attemptId, nodeId, organizationId, location } = claim;
    const input: BackfillInput = { attemptId, nodeId, organizationId, trigger, type, nodeTimeoutSeconds };
    if (location) input.location = location;
    backfillRequests.inc({ trigger });
    try {
      const started = await call(client(), deadlineMs, (temporal) => startBackfill(temporal, input));
      // The run that it joined may have settled already, and would leave the claim to the schedule.
      if (started.joined) await releaseBackfillClaim(database, claim);
      return started;
    } catch (error) {
      await releaseBackfillClaim(database, claim);
      throw error;
    }
  }

  return {
    async requestByRead(scope, attemptId) {
      const failed = (error: unknown): ReadRequest => {
        logger.warn({ err: error, attemptId }, 'a read could not start a backfill');
        return 'failed';
      };
      const claim = await claimBackfill(scope, attemptId).catch(failed);
      if (claim === undefined) return 'nothing';
      if (typeof claim === 'string') return claim;
      const starting = startClaimed(claim, 'read', 'full_attempt', TEMPORAL_DEADLINE_MS)
        .then(({ joined }): ReadRequest => (joined ? 'joined' : 'started'))
        .catch(failed);
      return Promise.race([starting, sleep(READ_WAIT_MS, 'requested' as const)]);
    },

    expedite(attemptId) {
      if (!expedites.admit(attemptId)) return;
      call(client(), TEMPORAL_DEADLINE_MS, (temporal) =>
        temporal.workflow.getHandle(backfillWorkflowId(attemptId)).signal(expediteSignal),
      ).catch((error: unknown) => {
        if (!(error instanceof WorkflowNotFoundError)) logger.debug({ err: error, attemptId }, 'expedite failed');
      });
    },

    async start(scope, attempt, type) {
      const claim = await claimManualBackfill(scope, attempt.attemptId);
      if (claim) return startClaimed(claim, 'manual', type, MANAGEMENT_DEADLINE_MS);
      backfillRequests.inc({ trigger: 'manual' });
      return call(client(), MANAGEMENT_DEADLINE_MS, (temporal) =>
        startBackfill(temporal, { ...attempt, trigger: 'manual', type, nodeTimeoutSeconds }),
      );
    },

    async cancel(scope, attemptId) {
      return call(client(), MANAGEMENT_DEADLINE_MS, async (temporal) => {
        const handle = temporal.workflow.getHandle(backfillWorkflowId(attemptId));
        try {
          if ((await handle.describe()).status.name !== 'RUNNING') return false;
          // Held first: whatever sees the cancelled run end must not start another.
          await holdBackfills(scope, attemptId, true);
          await handle.cancel();
          return true;
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) return false;
          throw error;
        }
      });
    },

    describe: (attempt) => call(client(), MANAGEMENT_DEADLINE_MS, (temporal) => describeBackfill(temporal, attempt)),

    list: (scope, filter) =>
      call(client(), MANAGEMENT_DEADLINE_MS, (temporal) => listBackfills(temporal, scope.organizationId, filter)),
  };
}

/** The client's retries can outlast its deadline; this ends in time whatever they do. */
async function call<T>(
  client: Client | undefined,
  deadlineMs: number,
  action: (client: Client) => Promise<T>,
): Promise<T> {
  if (!client) throw new TemporalUnavailableError('Temporal is not connected');
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new TemporalUnavailableError('Temporal does not answer')), deadlineMs);
  });
  try {
    return await Promise.race([client.withDeadline(Date.now() + deadlineMs, () => action(client)), late]);
  } catch (error) {
    if (error instanceof ServiceError || isGrpcServiceError(error)) {
      throw new TemporalUnavailableError(error.message, { cause: error });
    }
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
