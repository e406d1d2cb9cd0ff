import {
  ActivityFailure,
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  continueAsNew,
  isCancellation,
  patched,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  TimeoutFailure,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { GatewayActivities, MirrorStep } from '../activities/gateway-activities.js';
import type { HiveActivities } from '../activities/hive-activities.js';
import {
  expediteSignal,
  progressQuery,
  searchAttributes,
  type BackfillInput,
  type BackfillProgress,
  type BackfillResult,
  type NodeLocation,
  type Outcome,
} from '../backfills/definitions.js';

const { locateNode } = proxyLocalActivities<HiveActivities>({ startToCloseTimeout: '10 seconds' });
const { settleAttempt } = proxyActivities<HiveActivities>({
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

const FIRST_PATIENCE_SECONDS = 10;
const MAX_PATIENCE_SECONDS = 60;
const FIRST_PAUSE_SECONDS = 0.25;
const MAX_PAUSE_SECONDS = 5;
/** How long to wait before asking a node again that accepts no more requests at the moment. */
const BUSY_PAUSE_SECONDS = 1;
const NOTHING_STORED = { executions: 0, linesDeclared: 0, linesStored: 0 };

/**
 * Closes the gaps in the hive's copy of one attempt: finds the hive that has the node's socket, mirrors the node's
 * description and the missing lines in steps, and settles. If the node or its hive goes away, it waits for a new
 * session and goes on after the last stored line.
 */
export async function backfillAttempt(input: BackfillInput): Promise<BackfillResult> {
  const backfill = new Backfill(input);
  setHandler(progressQuery, () => backfill.progress);
  setHandler(expediteSignal, () => {
    backfill.isExpedited = true;
  });
  try {
    const result = await backfill.run();
    await condition(allHandlersFinished);
    return result;
  } catch (error) {
    if (!isCancellation(error)) throw error;
    await CancellationScope.nonCancellable(() => backfill.settle('cancelled', 'cancelled'));
    throw error;
  }
}

class Backfill {
  readonly #input: BackfillInput;
  readonly progress: BackfillProgress;
  isExpedited: boolean;
  #location: NodeLocation | undefined;
  #lastProgress = Date.now();
  #failuresInRow = 0;

  constructor(input: BackfillInput) {
    this.#input = input;
    this.progress = input.progress ?? { phase: 'locating', ...NOTHING_STORED, linesPulled: 0, pulls: 0 };
    this.isExpedited = input.isExpedited ?? (input.trigger === 'read' || input.trigger === 'manual');
    this.#location = input.location;
  }

  async run(): Promise<BackfillResult> {
    let patience = FIRST_PATIENCE_SECONDS;
    for (;;) {
      this.#location ??= await locateNode(this.#input.nodeId);
      if (!this.#location) {
        if (this.#isOutOfTime()) return this.settle('node_offline', 'node_offline');
        await this.#waitForNode();
        continue;
      }
      try {
        const step = await this.#mirror(this.#location, patience);
        this.#note(step);
        const result = this.#resultOf(step);
        if (result) return result;
        if (step.isBusy) await sleep(BUSY_PAUSE_SECONDS * 1000);
        if (workflowInfo().continueAsNewSuggested) await this.#continueAsNew();
      } catch (error) {
        if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('the backfill was cancelled');
        if (isScheduleToStart(error) && (await this.#isStillThere())) {
          patience = Math.min(patience * 2, MAX_PATIENCE_SECONDS); // busy, not dead
          continue;
        }
        const ending = await this.#afterFailure(failureCode(error));
        if (ending) return ending;
      }
    }
  }

  /** Ends the hold on the attempt and reports the outcome. */
  async settle(
    ending: 'node_offline' | 'cancelled' | 'unavailable' | 'failed',
    reason: string,
  ): Promise<BackfillResult> {
    this.#show('settling');
    const settled = await settleAttempt({
      attemptId: this.#input.attemptId,
      runId: workflowInfo().firstExecutionRunId,
      ending,
      reason,
      progressed: this.progress.linesPulled > 0,
    });
    // live pages may have closed the last gap in the meantime
    return this.#end(settled?.state === 'complete' ? 'complete' : ending, reason);
  }

  #mirror(location: NodeLocation, patienceSeconds: number): Promise<MirrorStep> {
    this.#show('mirroring');
    const { mirrorAttempt } = proxyActivities<GatewayActivities>({
      taskQueue: this.isExpedited ? `${location.queue}-read` : location.queue,
      scheduleToStartTimeout: patienceSeconds * 1000,
      startToCloseTimeout: '2 minutes',
      heartbeatTimeout: '10 seconds',
      retry: { maximumAttempts: 1 }, // a retry on this queue would go to the wrong hive
      cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    });
    return mirrorAttempt({
      attemptId: this.#input.attemptId,
      nodeId: this.#input.nodeId,
      runId: workflowInfo().firstExecutionRunId,
      trigger: this.#input.trigger,
      force: this.#input.trigger === 'manual' && this.progress.pulls === 0,
      isFirst: this.progress.pulls === 0,
      type: this.#input.type,
      progressed: this.progress.linesPulled > 0,
    });
  }

  #note(step: MirrorStep): void {
    const { executions, linesDeclared, linesStored } = step;
    Object.assign(this.progress, { executions, linesDeclared, linesStored });
    this.progress.linesPulled += step.linesPulled;
    this.progress.pulls++;
    this.#lastProgress = Date.now();
    this.#failuresInRow = 0;
    this.#show('mirroring');
  }

  #resultOf({ ended, notHeld }: MirrorStep): BackfillResult | undefined {
    if (notHeld === 'complete') return this.#end('complete');
    if (notHeld === 'unavailable' || notHeld === 'unknown_attempt') return this.#end('unavailable', notHeld);
    if (notHeld !== undefined) return this.#end('partial', notHeld);
    if (!ended) return undefined;
    if (ended.state === 'complete') return this.#end('complete');
    const reason = ended.reason ?? (ended.needsBackfill ? 'incomplete' : 'running_or_set_aside');
    return this.#end(ended.state === 'unavailable' ? 'unavailable' : 'partial', reason);
  }

  /**
   * @returns the result if the failure, or failing for too long, ends the backfill; undefined if it goes on
   * @throws ApplicationFailure if the same session has failed for too long
   */
  async #afterFailure(code: string): Promise<BackfillResult | undefined> {
    if (code === 'attempt_not_found') return this.settle('unavailable', 'not_found');
    if (code === 'attempt_not_shared') return this.settle('unavailable', 'not_shared');
    const former = this.#location;
    // says nothing about the node: the backfill goes on when the database does
    const isDatabaseAway = code === 'database_unavailable' && patched('wait-for-database');
    this.#location = undefined;
    await this.#waitForNode();
    if (isDatabaseAway) this.#lastProgress = Date.now();
    if (!this.#isOutOfTime()) return undefined;
    const current = await locateNode(this.#input.nodeId);
    if (!current) return this.settle('node_offline', 'node_offline');
    if (current.sessionId !== former?.sessionId) return undefined;
    await this.settle('failed', code);
    throw ApplicationFailure.nonRetryable(`backfill of ${this.#input.attemptId} ended: ${code}`, code);
  }

  async #waitForNode(): Promise<void> {
    this.#show('waiting_for_node');
    await sleep(Math.min(FIRST_PAUSE_SECONDS * 2 ** this.#failuresInRow++, MAX_PAUSE_SECONDS) * 1000);
  }

  #isOutOfTime(): boolean {
    return Date.now() - this.#lastProgress >= this.#input.nodeTimeoutSeconds * 1000;
  }

  async #isStillThere(): Promise<boolean> {
    const current = await locateNode(this.#input.nodeId);
    return current !== undefined && current.sessionId === this.#location?.sessionId;
  }

  async #continueAsNew(): Promise<never> {
    await condition(allHandlersFinished);
    const next: BackfillInput = { ...this.#input, progress: this.progress, isExpedited: this.isExpedited };
    if (this.#location) next.location = this.#location;
    else delete next.location;
    return continueAsNew<typeof backfillAttempt>(next);
  }

  #end(outcome: Outcome, reason?: string): BackfillResult {
    upsertSearchAttributes([{ key: searchAttributes.outcome, value: outcome }]);
    this.#show('ended');
    const { linesDeclared, linesStored, linesPulled } = this.progress;
    return { outcome, linesDeclared, linesStored, linesPulled, ...(outcome !== 'complete' && reason && { reason }) };
  }

  /** Shows the progress in the Temporal UI. */
  #show(phase: BackfillProgress['phase']): void {
    this.progress.phase = phase;
    const { executions, linesDeclared, linesStored, linesPulled } = this.progress;
    setCurrentDetails(
      `**${phase.replaceAll('_', ' ')}**: ${linesStored} of ${linesDeclared} lines stored, ` +
        `${executions} executions, ${linesPulled} lines pulled by this backfill`,
    );
  }
}

function isScheduleToStart(error: unknown): boolean {
  return (
    error instanceof ActivityFailure &&
    error.cause instanceof TimeoutFailure &&
    error.cause.timeoutType === 'SCHEDULE_TO_START'
  );
}

/** @returns the failure's type or what timed out, never its message */
function failureCode(error: unknown): string {
  if (!(error instanceof ActivityFailure)) throw error;
  if (isCancellation(error)) return 'node_moved'; // its hive is stopping; this workflow was not cancelled
  if (error.cause instanceof ApplicationFailure) return error.cause.type ?? 'unknown';
  if (error.cause instanceof TimeoutFailure) return `timeout_${error.cause.timeoutType?.toLowerCase() ?? 'unknown'}`;
  return 'unknown';
}
