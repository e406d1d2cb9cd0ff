/** Activities that need a node's socket; they run on the queue of the hive that has it. */
import { activityInfo, CancelledFailure, Context } from '@temporalio/activity';
import type { Logger } from 'pino';
import type { NodeGateway } from '../gateway/interface.js';
import type { SyncState } from '../protocol/frames.js';
import type { CheckPage } from '../protocol/page.js';
import type { Database } from '../prisma/database.js';
import { holdForBackfill, type Hold } from '../prisma/queries/hold-backfill.js';
import {
  countAttemptLines,
  settleBackfill,
  type AttemptLines,
  type GoesOn,
  type Settled,
} from '../prisma/queries/settle-backfill.js';
import type { BackfillType, MirrorPosition, Trigger } from '../backfills/definitions.js';
import { countBeginning, countEnd } from '../backfills/metrics.js';
import { fail, toFailure } from './failures.js';
import { mirrorV1 } from './mirror-v1.js';
import { mirrorV2 } from './mirror-v2.js';

export interface GatewayActivityDeps {
  database: Database;
  gateway: NodeGateway;
  checkPage: CheckPage;
  logger: Logger;
  /** How long a step describes, and then how long it pulls, before it gives its slot to others. @default 5000 */
  stepMs?: number;
}

export interface MirrorInput {
  attemptId: string;
  nodeId: string;
  /** The workflow's first run id, which the hold on the attempt carries. */
  runId: string;
  /** The claim that the backfill was started for. */
  claim?: string;
  trigger: Trigger;
  /** A person asked: backfill even if no gap is known. */
  force: boolean;
  /** This is the backfill's first step. */
  isFirst: boolean;
  type: BackfillType;
  /** An earlier step of the backfill stored something. */
  progressed: boolean;
  /** Another step may follow if the node has announced a change meanwhile, or something is still missing. */
  mayLookAgain?: boolean;
  /** Where the step before this one ended, if it left more to do. */
  position?: MirrorPosition;
}

export interface MirrorStep extends AttemptLines {
  linesPulled: number;
  /** Absent if the time is up and there is more to pull. */
  ended?: { state: SyncState; needsBackfill: boolean; reason?: string };
  /** Everything that the node described was pulled, and there is more now. The run still holds the attempt. */
  looksAgain?: boolean;
  /** The node accepts no more requests at the moment; nothing was done. */
  isBusy?: boolean;
  /** `isBusy` because the node has to answer earlier requests first. */
  owesAnswers?: boolean;
  /** Neither lines nor a part of the description were stored. */
  isIdle?: boolean;
  /** Where the next step goes on. */
  position?: MirrorPosition;
  /** Why the attempt was not held; there was nothing to do. */
  notHeld?: NotHeld;
}

type NotHeld = Extract<Hold, { held: false }>['reason'];

const STEP_MS = 5000;
const HEARTBEAT_MS = 1000;

export function createGatewayActivities(deps: GatewayActivityDeps) {
  const { database, gateway, checkPage, logger, stepMs = STEP_MS } = deps;
  return {
    /**
     * One step of mirroring an attempt: stores the node's description of it, then pulls missing lines, each for a few
     * seconds. The step that finds nothing more to pull settles the attempt. Safe to repeat: it goes on after the last
     * stored part of the description and the last stored line.
     */
    async mirrorAttempt(input: MirrorInput): Promise<MirrorStep> {
      const { attemptId } = input;
      const context = Context.current();
      const pulled = { lines: 0 };
      let revision: bigint | null = null;
      const heartbeat = setInterval(() => context.heartbeat({ lines_pulled: pulled.lines }), HEARTBEAT_MS);
      try {
        const hold = await holdForBackfill(database, attemptId, input.runId, input.force);
        if (!hold.held) {
          await releaseClaim(database, input, hold.reason);
          return { ...(await countAttemptLines(database, attemptId)), linesPulled: 0, notHeld: hold.reason };
        }
        revision = hold.revision;
        if (input.isFirst && hold.isNew) countBeginning(input.trigger);
        const connection = gateway.connectionTo(input.nodeId);
        if (!connection) throw fail('node_moved', attemptId);
        const step = { attemptId, database, checkPage, signal: context.cancellationSignal, stepMs, pulled };
        const { finished, changed, failure, ...rest } = await (connection.protocol === 1
          ? mirrorV1({ ...step, connection }, input.type)
          : mirrorV2({ ...step, connection }, input));
        const linesPulled = pulled.lines;
        if (!finished) return { ...(await countAttemptLines(database, attemptId)), linesPulled, ...rest };
        const settled = await settleBackfill(database, {
          attemptId,
          runId: input.runId,
          ending: 'done',
          ...(failure !== undefined && { reason: failure }),
          progressed: input.progressed || linesPulled > 0 || changed,
          ...(input.mayLookAgain && { goesOn: worthAnotherLook(input.type, linesPulled > 0 || changed) }),
        });
        if (settled?.goesOn) return { ...linesOf(settled), linesPulled, looksAgain: true };
        countEnd(settled, failure ?? 'incomplete');
        if (settled && connection.protocol === 2) connection.acknowledge(attemptId, settled.revision, settled.state);
        return { ...linesOf(settled), linesPulled, ended: describeEnd(settled, failure) };
      } catch (error) {
        const known = { revision, linesPulled: pulled.lines };
        const failure = isShutdown(context)
          ? fail('node_moved', attemptId, undefined, known)
          : toFailure(error, attemptId, known);
        if (context.cancellationSignal.aborted && !isShutdown(context)) {
          const { position } = input;
          const lines = await countAttemptLines(database, attemptId).catch((cause: unknown) => {
            throw toFailure(cause, attemptId);
          });
          return { ...lines, linesPulled: pulled.lines, ...(position && { position }) };
        }
        logger.warn(
          { err: error, attemptId, nodeId: input.nodeId, activity: activityInfo().activityId },
          'mirroring failed',
        );
        throw failure;
      } finally {
        clearInterval(heartbeat);
      }
    },
  };
}

/**
 * @returns whether the worker is stopping. The workflow was not cancelled then, and goes on at the hive that the node
 * connects to next.
 */
function isShutdown({ cancellationSignal }: Context): boolean {
  return (
    cancellationSignal.reason instanceof CancelledFailure && cancellationSignal.reason.message === 'WORKER_SHUTDOWN'
  );
}

/**
 * What was announced while the backfill ran has started no other one, and neither has what a person released meanwhile.
 * A look that has brought nothing is only repeated for a newer revision.
 */
function worthAnotherLook(type: BackfillType, progressed: boolean): GoesOn {
  return { ifBehind: type !== 'logs', ifIncomplete: type !== 'executions' && progressed };
}

/** Live pages may have closed the gap, or a person may have cancelled, before a run held what it was started for. */
async function releaseClaim(database: Database, { attemptId, runId, claim }: MirrorInput, why: NotHeld) {
  if (claim === undefined) return;
  const ending = { ending: 'failed', ...(why === 'cancelled' && { reason: why }), progressed: true } as const;
  countEnd(await settleBackfill(database, { attemptId, runId, claim, ...ending }), why);
}

function linesOf(settled: Settled | undefined): AttemptLines {
  const { executions = 0, linesDeclared = 0, linesStored = 0 } = settled ?? {};
  return { executions, linesDeclared, linesStored };
}

function describeEnd(settled: Settled | undefined, failure: string | undefined): NonNullable<MirrorStep['ended']> {
  if (!settled) return { state: 'unavailable', needsBackfill: false, reason: 'unknown_attempt' };
  const { state, needsBackfill } = settled;
  return { state, needsBackfill, ...(failure !== undefined && { reason: failure }) };
}

export type GatewayActivities = ReturnType<typeof createGatewayActivities>;
