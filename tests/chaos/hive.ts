/** One hive process, kept running as by a service manager. Counts how often it ends by itself. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { forkHive, type Program } from '../harness/processes.js';
import { within } from '../harness/until.js';
import { lastWords } from '../../workers/embedded/server-log.js';
import { projectRoot } from '../../workers/project-root.js';

const SHIFT_CLOCK = join(projectRoot(), 'tests', 'chaos', 'shift-clock.mjs');
const RESTART_MS = 500;
/** A start takes about 2 s, and waits for the database: a plan's longest outage of that is far shorter than this. */
const READY_MS = 60_000;

export class ChaosHive {
  readonly #env: Record<string, string>;
  readonly #logFile: string;
  /** How often a hive that had been ready ended without being told to. */
  unexpectedEnds = 0;
  #program: Program | undefined;
  #wanted = false;
  #kept = Promise.resolve();
  #isReady = false;
  #port = 0;
  readonly #clockFile: string;
  #isFrozen = false;
  #thawedAt = 0;

  constructor(env: Record<string, string>, logFile: string) {
    this.#clockFile = `${logFile}.clock`;
    this.#env = { ...env, NODE_OPTIONS: `--import ${SHIFT_CLOCK}`, HIVESYNC_CHAOS_CLOCK: this.#clockFile };
    this.#logFile = logFile;
  }

  /**
   * A different port after each start, because a port chosen in advance can be taken by then. 0 before the first
   * start.
   */
  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get pid(): number | undefined {
    return this.#program?.child.pid;
  }

  /**
   * Resolves when the API answers.
   * @throws Error with the end of the hive's log if it does not answer within a minute
   */
  async start(): Promise<void> {
    this.#wanted = true;
    this.#kept = this.#keep();
    const took = await within(READY_MS, () => this.#isReady, 50);
    if (took !== undefined) return;
    throw new Error(
      `hive not ready after ${READY_MS / 1000} s; ${this.#logFile} ends with: ${lastWords(this.#logFile)}`,
    );
  }

  /** Stops the process without ending it. @returns what {@link thaw} needs */
  freeze(): Program | undefined {
    this.#isFrozen = true;
    this.#program?.child.kill('SIGSTOP');
    return this.#program;
  }

  thaw(frozen: Program | undefined): void {
    frozen?.child.kill('SIGCONT');
    this.#isFrozen = false;
    this.#thawedAt = performance.now();
  }

  /** @param time of `performance.now()` */
  wasFrozenSince(time: number): boolean {
    return this.#isFrozen || this.#thawedAt >= time;
  }

  shiftClock(ms: number): void {
    writeFileSync(this.#clockFile, String(ms));
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.#wanted = false;
    await this.#program?.kill(signal);
    await this.#kept;
  }

  async #keep(): Promise<void> {
    while (this.#wanted) {
      const { program, url: ready } = forkHive({ env: this.#env, logFile: this.#logFile });
      this.#program = program;
      const wasReady = await ready.then(
        (url) => {
          this.#port = Number(new URL(url).port);
          return true;
        },
        () => false, // it ends if the database is unreachable at its start
      );
      this.#isReady = wasReady && !program.hasExited;
      await program.exit();
      this.#isReady = false;
      if (!this.#isWanted()) return;
      if (wasReady) this.unexpectedEnds++;
      await sleep(RESTART_MS);
    }
  }

  /** The compiler does not see that an await may change it. */
  #isWanted(): boolean {
    return this.#wanted;
  }
}
