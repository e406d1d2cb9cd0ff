/**
 * The baseline for what needs Temporal: workflows with one no-op activity on a second task queue, because ours need
 * one too.
 */
import { randomUUID } from 'node:crypto';
import type { HelperProcess } from '../../tests/harness/helper-process.js';
import type { noop } from './temporal-alone-workflow.js';
import type { Stage } from './stage.js';

export const ALONE_QUEUE = 'alone';
export const ALONE_ACTIVITY_QUEUE = 'alone-activities';

export class TemporalAlone {
  readonly #stage: Stage;
  private constructor(
    stage: Stage,
    readonly worker: HelperProcess,
  ) {
    this.#stage = stage;
  }

  /** Starts the worker as a process of its own, because a hive is one too. */
  static async start(stage: Stage): Promise<TemporalAlone> {
    const worker = stage.startHelper('bench/lib/temporal-alone-process', [stage.temporalAddress]);
    await worker.ask('start');
    return new TemporalAlone(stage, worker);
  }

  async execute(): Promise<void> {
    const workflowId = `alone/${randomUUID()}`;
    await this.#stage.temporal.workflow.execute<typeof noop>('noop', { workflowId, taskQueue: ALONE_QUEUE, args: [] });
  }

  /**
   * Executes `count` workflows, `concurrency` at once.
   * @returns seconds
   */
  async executeMany(count: number, concurrency: number): Promise<number> {
    const start = performance.now();
    let left = count;
    const lanes = Array.from({ length: concurrency }, async () => {
      while (left-- > 0) {
        this.#stage.signal.throwIfAborted();
        await this.execute();
      }
    });
    await Promise.all(lanes);
    return (performance.now() - start) / 1000;
  }
}
