import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  allHandlersFinished,
  condition,
  continueAsNew,
  isCancellation,
  ParentClosePolicy,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { AttemptsPage, HiveActivities } from '../activities/hive-activities.js';
import { backfillAttempt } from './backfill-attempt.js';
import {
  backfillOptions,
  backfillWorkflowId,
  drainSignal,
  type BackfillInput,
  type DrainInput,
  type Trigger,
} from './definitions.js';

const { listAttempts } = proxyActivities<HiveActivities>({
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

/** How long an attempt that someone else backfills takes a place before it is looked at again. */
const OCCUPIED_SECONDS = 5;
const MAX_REVISITS = 5;

/**
 * Backfills the attempts of one node that need it, newest first, a bounded number at once. One pass visits each once;
 * a signal that came after the pass began makes for another.
 */
export async function drainNode(input: DrainInput): Promise<{ started: number }> {
  const drain = new Drain(input);
  setHandler(drainSignal, ({ trigger }) => drain.signal(trigger));
  return drain.run();
}

class Drain {
  readonly #running = new Set<string>();
  #trigger: Trigger;
  #isSignalled = false;
  #failure: unknown;
  #revisits = 0;
  #started: number;
  #cursor: DrainInput['cursor'];

  constructor(private readonly input: DrainInput) {
    this.#trigger = input.trigger ?? 'reconnect';
    this.#started = input.started ?? 0;
    this.#cursor = input.cursor;
  }

  signal(trigger: Trigger): void {
    this.#trigger = trigger;
    this.#isSignalled = true;
  }

  async run(): Promise<{ started: number }> {
    do {
      if (!this.#cursor) this.#isSignalled = false;
      await this.#pass();
      await condition(() => this.#running.size === 0);
    } while (this.#isSignalled || !allHandlersFinished());
    return { started: this.#started };
  }

  async #pass(): Promise<void> {
    for (;;) {
      const page = await listAttempts(this.input.nodeId, this.#cursor);
      for (const { attemptId } of page.attempts) {
        await condition(() => this.#running.size < this.input.concurrency);
        if (this.#failure !== undefined) throw this.#failure as Error;
        this.#occupy(attemptId, page);
      }
      this.#cursor = page.attempts.at(-1);
      if (!this.#cursor) return;
      if (workflowInfo().continueAsNewSuggested) await this.#continueAsNew(this.#cursor);
    }
  }

  #occupy(attemptId: string, page: AttemptsPage): void {
    this.#running.add(attemptId);
    this.#show();
    this.#backfill(attemptId, page)
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#running.delete(attemptId);
        this.#show();
      });
  }

  async #backfill(attemptId: string, { location }: AttemptsPage): Promise<void> {
    const { nodeId, organizationId, nodeTimeoutSeconds } = this.input;
    const backfill: BackfillInput = {
      attemptId,
      nodeId,
      organizationId,
      nodeTimeoutSeconds,
      trigger: this.#trigger,
      type: 'full_attempt',
      ...(location && { location }),
    };
    try {
      const child = await startChild(backfillAttempt, {
        ...backfillOptions(backfill),
        workflowId: backfillWorkflowId(attemptId),
        args: [backfill],
        parentClosePolicy: ParentClosePolicy.ABANDON,
      });
      this.#started++;
      await child.result().catch(() => undefined); // how it ended is in the attempt's state; the drain goes on
    } catch (error) {
      if (isCancellation(error)) return; // the drain's own; it ends where it waits for a free place
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      await sleep(OCCUPIED_SECONDS * 1000);
      if (this.#revisits++ < MAX_REVISITS) this.#isSignalled = true;
    }
  }

  async #continueAsNew(cursor: DrainInput['cursor']): Promise<never> {
    await condition(() => this.#running.size === 0 && allHandlersFinished());
    return continueAsNew<typeof drainNode>({
      ...this.input,
      trigger: this.#trigger,
      started: this.#started,
      // Signals that came during the pass ask for a new one, from the start.
      ...(!this.#isSignalled && { cursor }),
    });
  }

  #show(): void {
    setCurrentDetails(`${this.#running.size} backfills running, ${this.#started} started`);
  }
}
