/** One hive process, kept running as a service manager would; its own ends are counted. */
import { setTimeout as sleep } from 'node:timers/promises';
import { forkHive, type Program } from '../harness/processes.js';
import { lastWords } from '../../workers/embedded/server-log.js';

const RESTART_MS = 500;
/** A start takes some 2 s; a plan's longest outage of the database, which a start waits for, is far below this. */
const READY_MS = 60_000;

export class ChaosHive {
  readonly #env: Record<string, string>;
  readonly #logFile: string;
  /** Ends of a hive that had been ready, that nobody asked for. */
  unexpectedEnds = 0;
  #program: Program | undefined;
  #wanted = false;
  #kept = Promise.resolve();
  #isReady = false;
  #port = 0;

  constructor(env: Record<string, string>, logFile: string) {
    this.#env = env;
    this.#logFile = logFile;
  }

  /** Another one after each start: one that was chosen before it may be taken by then. 0: it has not started yet. */
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
   * @throws Error when it does not within a minute, with the end of the hive's log
   */
  async start(): Promise<void> {
    this.#wanted = true;
    this.#kept = this.#keep();
    const deadline = Date.now() + READY_MS;
    while (!this.#isReady) {
      if (Date.now() > deadline) {
        throw new Error(
          `hive not ready after ${READY_MS / 1000} s; ${this.#logFile} ends: ${lastWords(this.#logFile)}`,
        );
      }
      await sleep(50);
    }
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
        () => false, // it ends where the database is away at its start
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
