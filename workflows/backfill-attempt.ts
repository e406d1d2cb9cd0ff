import {
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
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { GatewayActivities, MirrorStep } from '../activities/gateway-activities.js';
import type { HiveActivities, SettledAttempt } from '../activities/hive-activities.js';
import {
  expediteSignal,
  progressQuery,
  searchAttributes,
  TRIGGER_PRIORITY,
  type BackfillInput,
  type BackfillProgress,
  type BackfillResult,
  type MirrorPosition,
  type NodeLocation,
  type Outcome,
} from '../backfills/definitions.js';
import { failureCode, hasNotStarted, knownRevision, linesPulledBefore } from './step-failure.js';

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
/**
 * After this many failures of a kind in a row of one session's node, waiting longer only keeps others from the drain's
 * places. A timeout takes half a minute.
 */
const NODE_FAILURE_LIMITS: Readonly<Record<string, { count: number; patch: string } | undefined>> = {
  node_error: { count: 5, patch: 'node-errors-end-backfills' },
  node_timeout: { count: 2, patch: 'node-timeouts-end-backfills' },
  too_large: { count: 1, patch: 'too-large-ends-backfills' }, // each try costs the node a whole transfer
};
/** How often a backfill looks at the attempt again because it changed while it was being backfilled. */
const MAX_LOOKS = 5;
/** A settlement is not cut short by a cancellation, and what has completed the attempt is not cancelled any more. */
const ENDS_ONCE = 'ends-once';
/** A reader who joins just before the end makes the backfill look at the attempt once more. */
const LOOKS_FOR_READER = 'looks-for-reader';
const NOTHING_STORED = { executions: 0, linesDeclared: 0, linesStored: 0 };

/**
 * Closes the gaps in the hive's copy of one attempt: finds the hive that has the node's socket, mirrors the node's
 * description and the missing lines in steps, and settles. If the node or its hive goes away, it waits for a new
 * session and goes on after the last stored line.
 */
export async function backfillAttempt(input: BackfillInput): Promise<BackfillResult> {
  const backfill = new Backfill(input);
  setHandler(progressQuery, () => backfill.progress);
  setHandler(expediteSignal, (reader) => backfill.expedite(reader));
  try {
    const result = await backfill.run();
    await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
    if (!isCancelled()) return result;
    if (result.outcome === 'complete' && patched(ENDS_ONCE)) return result; // nothing is left to cancel
    throw new CancelledFailure('the backfill was cancelled');
  } catch (error) {
    const hasFailed = error instanceof ApplicationFailure && isCancelled() && patched(ENDS_ONCE);
    if (!isCancellation(error) && !hasFailed) throw error;
    await CancellationScope.nonCancellable(() => backfill.settle('cancelled', 'cancelled'));
    throw hasFailed ? new CancelledFailure('the backfill was cancelled') : error;
  }
}

/** @returns codes of ours only */
function describeOutcome(outcome: Outcome, reason = ''): string {
  const why = reason === '' || reason === outcome ? '' : `, ${reason.replaceAll('_', ' ')}`;
  const meaning = outcome === 'unavailable' ? ', what is missing will not come' : '';
  return ` (${outcome.replaceAll('_', ' ')}${why}${meaning})`;
}

const isCancelled = () => CancellationScope.current().consideredCancelled;

class Backfill {
  readonly #input: BackfillInput;
  readonly progress: BackfillProgress;
  #isExpedited: boolean;
  /** The step that has been asked of a hive, unless it is on the queue for readers already. */
  #movableStep: CancellationScope | undefined;
  #location: NodeLocation | undefined;
  #position: MirrorPosition | undefined;
  #lastProgress: number;
  #failuresInRow = 0;
  /** The session whose node failed last, how, and how often in a row. */
  #nodeErrors = { sessionId: '', code: '', count: 0 };
  /** The node has to answer earlier requests before it gets one of this backfill. */
  #waitsForAnswers = false;
  #looks: number;
  /** A reader or a person has joined since the last step began. */
  #isAsked = false;

  constructor(input: BackfillInput) {
    this.#input = input;
    this.progress = input.progress ?? { phase: 'locating', ...NOTHING_STORED, linesPulled: 0, pulls: 0 };
    this.#isExpedited = input.isExpedited ?? (input.trigger === 'read' || input.trigger === 'manual');
    this.#location = input.location;
    this.#position = input.position;
    this.#looks = input.looks ?? 0;
    this.#lastProgress = Date.now() - (input.idleMs ?? 0);
  }

  async run(): Promise<BackfillResult> {
    let patience = FIRST_PATIENCE_SECONDS;
    for (;;) {
      this.#location ??= await locateNode(this.#input.nodeId);
      if (!this.#location) {
        const ending = this.#isOutOfTime() && (await this.settle('node_offline', 'node_offline'));
        if (ending) return ending;
        await this.#waitForNode();
        await this.#shortenHistory();
        continue;
      }
      try {
        const step = await this.#mirror(this.#location, patience);
        if (step === 'moved') continue;
        this.#note(step);
        const result = this.#resultOf(step);
        if (result && !this.#isWantedAgain(step)) return result;
        if (step.isIdle && this.#isOutOfTime()) await this.#fail('no_progress');
        if (step.isBusy) await sleep(BUSY_PAUSE_SECONDS * 1000);
        if (workflowInfo().continueAsNewSuggested) await this.#continueAsNew();
      } catch (error) {
        if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('the backfill was cancelled');
        if (hasNotStarted(error) && (await this.#isStillThere())) {
          patience = Math.min(patience * 2, MAX_PATIENCE_SECONDS); // busy, not dead
          continue;
        }
        this.progress.linesPulled += linesPulledBefore(error);
        const ending = await this.#afterFailure(failureCode(error), knownRevision(error));
        if (ending) return ending;
        await this.#shortenHistory();
      }
    }
  }

  /**
   * A reader waits: what is left runs on the queue for readers. A step that no hive has started yet is moved there; one
   * that runs ends early and says how far it came.
   * @param joins whether the reader joins this backfill, and so wants it to look at the attempt once more
   */
  expedite({ joins = false }: { joins?: boolean } = {}): void {
    this.#isExpedited = true;
    this.#isAsked ||= joins;
    if (this.#movableStep && patched('expedite moves the step')) this.#movableStep.cancel();
  }

  /**
   * Ends the hold on the attempt and reports the outcome.
   * @param revision the node's newest that the hive knew when it asked: what was announced since overrules the ending
   * @returns undefined if the node has come back or announced the attempt just now, and the backfill has to go on
   */
  async settle(
    ending: 'node_offline' | 'cancelled' | 'unavailable' | 'failed',
    reason: string,
    revision?: string,
  ): Promise<BackfillResult | undefined> {
    this.#show('settling');
    const mayLookAgain = ending === 'unavailable' && revision !== undefined && this.#looks < MAX_LOOKS;
    const settlement: Parameters<HiveActivities['settleAttempt']>[0] = {
      ...this.#identity(),
      ending,
      reason,
      progressed: this.progress.linesPulled > 0,
      ...(revision !== undefined && { revision }),
      ...(ending === 'node_offline' && { goesOn: { ifConnected: true } }),
      ...(mayLookAgain && { goesOn: { ifAnnounced: true } }),
    };
    const settle = () => settleAttempt(settlement);
    const settled = patched(ENDS_ONCE) ? await CancellationScope.nonCancellable(settle) : await settle();
    if (settled?.goesOn) {
      if (mayLookAgain) this.#looks++;
      return undefined;
    }
    if (settled) this.#count(settled);
    if (ending === 'unavailable' && settled?.state === 'partial') return this.#end('partial', reason);
    // live pages may have closed the last gap in the meantime
    return this.#end(settled?.state === 'complete' ? 'complete' : ending, reason);
  }

  /** Which attempt, run and claim it is, as the activities that hold and settle want it. */
  #identity() {
    const { attemptId, claim } = this.#input;
    return { attemptId, runId: workflowInfo().firstExecutionRunId, ...(claim !== undefined && { claim }) };
  }

  /** @returns what the step did; `moved` if it was taken back, to be run on the queue for readers */
  async #mirror(location: NodeLocation, patienceSeconds: number): Promise<MirrorStep | 'moved'> {
    this.#showStep();
    const scope = new CancellationScope();
    if (!this.#isExpedited) this.#movableStep = scope;
    try {
      return await scope.run(() => this.#step(location, patienceSeconds));
    } catch (error) {
      const isMoved = scope.consideredCancelled && !CancellationScope.current().consideredCancelled;
      if (isMoved && isCancellation(error)) return 'moved';
      throw error;
    } finally {
      this.#movableStep = undefined;
    }
  }

  #step(location: NodeLocation, patienceSeconds: number): Promise<MirrorStep> {
    const { mirrorAttempt } = proxyActivities<GatewayActivities>({
      taskQueue: this.#isExpedited ? `${location.queue}-read` : location.queue,
      ...(this.#isExpedited && {
        priority: { priorityKey: TRIGGER_PRIORITY.read, fairnessKey: this.#input.nodeId },
      }),
      scheduleToStartTimeout: patienceSeconds * 1000,
      startToCloseTimeout: '2 minutes',
      heartbeatTimeout: '10 seconds',
      retry: { maximumAttempts: 1 }, // a retry on this queue would go to the wrong hive
      cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    });
    this.#isAsked = false;
    return mirrorAttempt({
      ...this.#identity(),
      nodeId: this.#input.nodeId,
      trigger: this.#input.trigger,
      force: this.#input.trigger === 'manual' && this.progress.pulls === 0,
      isFirst: this.progress.pulls === 0,
      type: this.#input.type,
      progressed: this.progress.linesPulled > 0,
      mayLookAgain: this.#looks < MAX_LOOKS,
      ...(this.#position && { position: this.#position }),
    });
  }

  #note(step: MirrorStep): void {
    this.#count(step);
    this.progress.linesPulled += step.linesPulled;
    this.progress.pulls++;
    if (step.looksAgain) this.#looks++;
    this.#position = step.position;
    this.#nodeErrors.count = 0;
    if (!(step.isIdle && patched('idle steps are no progress'))) {
      this.#lastProgress = Date.now();
      this.#failuresInRow = 0;
    }
    this.#waitsForAnswers = step.owesAnswers === true;
    this.#showStep();
  }

  /** Takes in what the hive has of the attempt now, if that is known. */
  #count({ executions, linesDeclared, linesStored }: Omit<SettledAttempt, 'state' | 'goesOn'>): void {
    if (executions === undefined || linesDeclared === undefined || linesStored === undefined) return;
    Object.assign(this.progress, { executions, linesDeclared, linesStored });
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

  /** Whoever joined while the last step was ending would wait for nothing. */
  #isWantedAgain({ ended }: MirrorStep): boolean {
    const isWanted = this.#isAsked && ended?.state === 'partial' && ended.needsBackfill && this.#looks < MAX_LOOKS;
    if (!isWanted || isCancelled() || !patched(LOOKS_FOR_READER)) return false;
    this.#looks++;
    return true;
  }

  /**
   * @returns the result if the failure, or failing for too long, ends the backfill; undefined if it goes on
   * @throws ApplicationFailure if the same session has failed for too long or too often
   */
  async #afterFailure(code: string, revision?: string): Promise<BackfillResult | undefined> {
    if (code === 'attempt_not_found') return this.settle('unavailable', 'not_found', revision);
    if (code === 'attempt_not_shared') return this.settle('unavailable', 'not_shared', revision);
    const former = this.#location;
    // says nothing about the node: the backfill goes on when the database does
    const isDatabaseAway = code === 'database_unavailable' && patched('wait-for-database');
    const limit = NODE_FAILURE_LIMITS[code];
    const failures = this.#countNodeErrors(code, former);
    if (limit && failures >= limit.count && patched(limit.patch)) {
      return this.#fail(code, revision);
    }
    this.#location = undefined;
    await this.#waitForNode();
    if (isDatabaseAway) this.#lastProgress = Date.now();
    if (!this.#isOutOfTime()) return undefined;
    const current = await locateNode(this.#input.nodeId);
    if (!current) return this.settle('node_offline', 'node_offline');
    if (current.sessionId !== former?.sessionId) return undefined;
    return this.#fail(code, revision);
  }

  /** @returns how many times in a row the session's node has failed like this */
  #countNodeErrors(code: string, location: NodeLocation | undefined): number {
    const sessionId = location?.sessionId ?? '';
    const last = this.#nodeErrors;
    const isSame = sessionId === last.sessionId && code === last.code;
    this.#nodeErrors = { sessionId, code, count: isSame ? last.count + 1 : 1 };
    return this.#nodeErrors.count;
  }

  /** @throws ApplicationFailure always, when the attempt is settled */
  async #fail(code: string, revision?: string): Promise<never> {
    await this.settle('failed', code, revision);
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

  /** A node or a database that is away for hours fills a history, too. */
  async #shortenHistory(): Promise<void> {
    if (workflowInfo().continueAsNewSuggested && patched('failures-continue-as-new')) await this.#continueAsNew();
  }

  async #continueAsNew(): Promise<never> {
    await condition(allHandlersFinished);
    const next: BackfillInput = {
      ...this.#input,
      progress: this.progress,
      isExpedited: this.#isExpedited,
      looks: this.#looks,
      idleMs: Date.now() - this.#lastProgress,
    };
    if (this.#position) next.position = this.#position;
    if (this.#location) next.location = this.#location;
    else delete next.location;
    return continueAsNew<typeof backfillAttempt>(next);
  }

  #end(outcome: Outcome, reason?: string): BackfillResult {
    upsertSearchAttributes([{ key: searchAttributes.outcome, value: outcome }]);
    this.#show('ended', describeOutcome(outcome, reason));
    const { linesDeclared, linesStored, linesPulled } = this.progress;
    return { outcome, linesDeclared, linesStored, linesPulled, ...(outcome !== 'complete' && reason && { reason }) };
  }

  #showStep(): void {
    this.#show(this.#waitsForAnswers ? 'waiting_for_answers' : 'mirroring');
  }

  /** Shows the progress in the Temporal UI. */
  #show(phase: BackfillProgress['phase'], how = ''): void {
    this.progress.phase = phase;
    const { executions, linesDeclared, linesStored, linesPulled } = this.progress;
    setCurrentDetails(
      `**${phase.replaceAll('_', ' ')}${how}**: ${linesStored} of ${linesDeclared} lines stored, ` +
        `${executions} executions, ${linesPulled} lines pulled by this backfill`,
    );
  }
}
