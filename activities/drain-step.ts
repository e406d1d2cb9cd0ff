/**
 * One step of a drain: keeps a limited number of a node's backfills running for a few seconds, then reports how far it
 * got. The client starts the backfills, not the drain: as a child, a workflow costs Temporal half as much again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { Database } from '../prisma/database.js';
import { findLease } from '../prisma/queries/lease.js';
import { listNeedingBackfill, type AttemptCursor } from '../prisma/queries/list-needing-backfill.js';
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
}

export interface DrainStepDeps {
  database: Database;
  temporal: TemporalDoor;
  stopping: AbortSignal;
}

/** The longest a step takes, so that slots of the shared queue become free. Running backfills go on without it. */
const STEP_MS = 5000;
const HEARTBEAT_MS = 2000;
/** Attempts per listing. */
const PAGE_SIZE = 100;

/** Safe to repeat: backfills that an earlier try started are running, and each occupies a place until it ends. */
export async function drainStep(
  { database, temporal, stopping }: DrainStepDeps,
  input: DrainStepInput,
): Promise<DrainStep> {
  const context = Context.current();
  const leaving = new AbortController();
  const heartbeat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
  const window = new Window(temporal, leaving.signal, input);
  const timeUp = sleep(STEP_MS, undefined, { signal: AbortSignal.any([leaving.signal, stopping]) }).catch(
    () => undefined,
  );
  let { after, isListed } = input;
  let listed: AttemptCursor[] = [];
  let isLastPage = false;
  let location: BackfillInput['location'];
  try {
    for (let isTimeUp = stopping.aborted; !isTimeUp;) {
      while (!isListed && window.hasRoom) {
        if (listed.length === 0) {
          listed = await listNeedingBackfill(database, input.nodeId, after, PAGE_SIZE);
          isLastPage = listed.length < PAGE_SIZE; // attempts that need one since then come with a signal
          if (listed.length > 0) location = await findLease(database, input.nodeId);
        }
        const next = listed.shift();
        if (next) window.start(next.attemptId, location);
        after = next ?? after;
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

  start(attemptId: string, location: BackfillInput['location']): void {
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
    this.#occupy(attemptId, this.#startAndEnd(backfill));
  }

  #occupy(attemptId: string, running: Promise<void>): void {
    const ended = running.then(() => {
      this.#running.delete(attemptId);
    });
    ended.catch(() => undefined); // thrown by next
    this.#running.set(attemptId, ended);
  }

  async #startAndEnd(backfill: BackfillInput): Promise<void> {
    const run = await this.#temporal.call('activity', (client) => startUnlessRunning(client, backfill));
    if (run) this.started++;
    else this.occupied++;
    await this.#end(backfill.attemptId);
  }

  /** Resolves even if the backfill failed: how it ended is in the attempt's state, and the drain goes on. */
  async #end(attemptId: string): Promise<void> {
    await this.#temporal
      .follow(this.#leaving, (client) => client.workflow.getHandle(client.names.backfillId(attemptId)).result())
      .catch(() => undefined);
  }
}
