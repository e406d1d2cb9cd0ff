/**
 * One step of a drain: keeps a limited number of a node's backfills running for a few seconds, then reports how far it
 * got. The client starts the backfills, not the drain: as a child, a workflow costs Temporal half as much again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client';
import { backOff } from 'exponential-backoff';
import type { Database } from '../prisma/database.js';
import { findLease } from '../prisma/queries/lease.js';
import {
  listNeedingBackfill,
  type AttemptCursor,
  type AttemptLabels,
} from '../prisma/queries/list-needing-backfill.js';
import type { BackfillInput, DrainPosition, Trigger } from '../backfills/definitions.js';
import { startUnlessRunning } from '../backfills/start.js';
import type { TemporalDoor } from '../backfills/temporal-door.js';

export interface DrainStepInput extends DrainPosition {
  nodeId: string;
  organizationId: string;
  nodeTimeoutSeconds: number;
  trigger: Trigger;
  /** The maximum number of backfills that run at once. */
  concurrency: number;
}

export interface DrainStep {
  position: DrainPosition;
  started: number;
  /** Attempts that already had a running backfill, which the drain did not start: they may need another one. */
  occupied: number;
  /** The node is not connected, which ends the pass. The drain of its next session begins with a new one. */
  isOffline?: boolean;
}

export interface DrainStepDeps {
  database: Database;
  temporal: TemporalDoor;
  stopping: AbortSignal;
  /** @default 5000 */
  stepMs?: number;
}

/** The longest a step takes, so that slots of the shared queue become free. Running backfills go on without it. */
const STEP_MS = 5000;
const HEARTBEAT_MS = 2000;
/** Attempts per listing. */
const PAGE_SIZE = 100;
/** The longest pause before a backfill's end is waited for again, after Temporal refused to tell it. */
const MAX_FOLLOW_PAUSE_MS = 2000;

/**
 * Safe to repeat: backfills that an earlier try started are running, and each occupies a place until it ends. While the
 * node is not connected, no backfill is started or waited for: each would only wait for the node, and those that are
 * running already do so without the drain.
 */
export async function drainStep(
  { database, temporal, stopping, stepMs = STEP_MS }: DrainStepDeps,
  input: DrainStepInput,
): Promise<DrainStep> {
  const context = Context.current();
  if (!(await findLease(database, input.nodeId))) return offline();
  const leaving = new AbortController();
  const heartbeat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
  const window = new Window(temporal, leaving.signal, input);
  const timeUp = sleep(stepMs, undefined, { signal: AbortSignal.any([leaving.signal, stopping]) }).catch(
    () => undefined,
  );
  let { after, isListed } = input;
  let listed: (AttemptCursor & AttemptLabels)[] = [];
  let isLastPage = false;
  let location: BackfillInput['location'];
  try {
    for (let isTimeUp = stopping.aborted; !isTimeUp;) {
      while (!isListed && window.hasRoom) {
        if (listed.length === 0) {
          listed = await listNeedingBackfill(database, input.nodeId, after, PAGE_SIZE);
          isLastPage = listed.length < PAGE_SIZE; // attempts that need one since then come with a signal
          location = await findLease(database, input.nodeId);
          if (!location) return offline(window);
        }
        const next = listed.shift();
        if (next) window.start(next, location);
        after = next ? { createdAt: next.createdAt, attemptId: next.attemptId } : after;
        isListed = isLastPage && listed.length === 0;
      }
      if (window.running.length === 0) break;
      const next = [window.next().then(() => false), timeUp.then(() => true), context.cancelled];
      isTimeUp = await Promise.race(next);
    }
    const { running, started, occupied } = window;
    return { position: { running, isListed, ...(after && { after }) }, started, occupied };
  } finally {
    clearInterval(heartbeat);
    leaving.abort();
  }
}

/** @returns the end of the pass, whatever of it is left */
function offline({ started, occupied } = { started: 0, occupied: 0 }): DrainStep {
  return { position: { isListed: true, running: [] }, started, occupied, isOffline: true };
}

/** The running backfills, by attempt. */
class Window {
  readonly #temporal: TemporalDoor;
  readonly #leaving: AbortSignal;
  readonly #input: DrainStepInput;
  started = 0;
  occupied = 0;
  readonly #running = new Map<string, Promise<void>>();

  constructor(temporal: TemporalDoor, leaving: AbortSignal, input: DrainStepInput) {
    this.#temporal = temporal;
    this.#leaving = leaving;
    this.#input = input;
    for (const attemptId of input.running) this.#occupy(attemptId, this.#end(attemptId));
  }

  get hasRoom(): boolean {
    return this.#running.size < this.#input.concurrency;
  }

  get running(): string[] {
    return [...this.#running.keys()];
  }

  /** Resolves when one of them has ended. @throws the error with which starting one failed */
  async next(): Promise<void> {
    await Promise.race(this.#running.values());
  }

  start({ attemptId, title, nodeName }: AttemptCursor & AttemptLabels, location: BackfillInput['location']): void {
    const { nodeId, organizationId, nodeTimeoutSeconds, trigger } = this.#input;
    const backfill: BackfillInput = {
      attemptId,
      nodeId,
      organizationId,
      nodeTimeoutSeconds,
      trigger,
      type: 'full_attempt',
      ...(location && { location }),
    };
    this.#occupy(attemptId, this.#startAndEnd(backfill, { title, nodeName }));
  }

  #occupy(attemptId: string, running: Promise<void>): void {
    const ended = running.then(() => {
      this.#running.delete(attemptId);
    });
    ended.catch(() => undefined); // thrown by next
    this.#running.set(attemptId, ended);
  }

  async #startAndEnd(backfill: BackfillInput, labels: AttemptLabels): Promise<void> {
    const run = await this.#temporal.call('activity', (client) => startUnlessRunning(client, backfill, labels));
    if (run) this.started++;
    else this.occupied++;
    await this.#end(backfill.attemptId);
  }

  /**
   * Resolves even if the backfill failed: how it ended is in the attempt's state, and the drain goes on. An error that
   * is not its end frees no place: it is waited for again until the step is over.
   */
  async #end(attemptId: string): Promise<void> {
    const result = () =>
      this.#temporal.follow(this.#leaving, (client) =>
        client.workflow.getHandle(client.names.backfillId(attemptId)).result(),
      );
    const retry = (error: unknown) => !isEnd(error) && !this.#leaving.aborted;
    try {
      await backOff(result, { numOfAttempts: Infinity, startingDelay: 100, maxDelay: MAX_FOLLOW_PAUSE_MS, retry });
    } catch (error) {
      if (!isEnd(error)) throw error;
    }
  }
}

/** @returns whether the error says that the workflow has ended: in any way but well, or so long ago that it is gone */
function isEnd(error: unknown): boolean {
  return error instanceof WorkflowFailedError || error instanceof WorkflowNotFoundError;
}
