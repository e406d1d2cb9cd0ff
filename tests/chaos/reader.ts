/**
 * Reads the API while faults strike. Each read gets a right answer, or a 503 when the database is away, or finds no
 * hive or a frozen one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChaosHive } from './hive.js';
import type { ChaosWorld } from './world.js';

const PAUSE_MS = 250;
const TIMEOUT_MS = 15_000;
const LATE_MS = 1000;

interface Entry {
  execution_id: string;
  seq: number;
}

export class Reader {
  readonly #world: ChaosWorld;
  /** Answers by status. */
  readonly answers = new Map<string, number>();
  /** What was wrong with any answer. */
  readonly faults: string[] = [];
  #isRunning = true;
  #finished: Promise<void> | undefined;

  constructor(world: ChaosWorld) {
    this.#world = world;
  }

  start(): void {
    this.#finished = this.#run();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#finished;
  }

  async #run(): Promise<void> {
    for (let turn = 0; this.#isRunning; turn++) {
      const hive = this.#world.hives[turn % this.#world.hives.length];
      const recordings = this.#world.nodes.flatMap((node) => node.recordings);
      const recording = recordings[(turn * 7) % Math.max(1, recordings.length)];
      if (hive && recording && !hive.wasFrozenSince(performance.now())) {
        const path =
          turn % 3 === 0
            ? `/v1/swarm/attempts/${recording.attemptId}/logs?limit=500&direction=${turn % 2 === 0 ? 'forward' : 'backward'}`
            : `/v1/nodes/task-attempts/${recording.attemptId}`;
        await this.#read(hive, path);
      }
      await sleep(PAUSE_MS);
    }
  }

  async #read(hive: ChaosHive, path: string): Promise<void> {
    let response: Response;
    let body: unknown;
    const begun = performance.now();
    try {
      response = await this.#world.get(hive, path, TIMEOUT_MS);
      body = await response.json();
    } catch (error) {
      const isFrozen = hive.wasFrozenSince(begun);
      // a timer that fires late tells that this process could not run, and perhaps not read an answer that was there
      const wasStalled = performance.now() - begun > TIMEOUT_MS + LATE_MS;
      const isSlow = error instanceof DOMException && !isFrozen && !wasStalled;
      this.#count(isSlow ? 'timeout' : isFrozen ? 'frozen' : 'no hive');
      if (isSlow) this.faults.push(`no answer within ${TIMEOUT_MS} ms: ${path}`);
      return;
    }
    this.#count(String(response.status));
    if (response.status === 503) {
      if (!response.headers.has('retry-after')) this.faults.push(`503 without Retry-After: ${path}`);
    } else if (response.status !== 200 && response.status !== 404) {
      this.faults.push(`${response.status} from ${path}: ${JSON.stringify(body)}`);
    } else {
      this.#checkOrder((body as { entries?: Entry[] }).entries ?? [], path);
    }
  }

  /** Checks that, within an execution, the lines of a page follow each other. */
  #checkOrder(entries: Entry[], path: string): void {
    const last = new Map<string, number>();
    const step = path.includes('backward') ? -1 : 1;
    for (const { execution_id: id, seq } of entries) {
      const before = last.get(id);
      if (before !== undefined && seq !== before + step) this.faults.push(`line ${seq} after ${before}: ${path}`);
      last.set(id, seq);
    }
  }

  #count(answer: string): void {
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
  }
}
