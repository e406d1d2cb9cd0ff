/** One hive process, kept running as a service manager would; its own ends are counted. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Program } from '../../tests/harness/processes.js';

const RESTART_MS = 500;

export class ChaosHive {
  /** Ends of a hive that had been ready, that nobody asked for. */
  unexpectedEnds = 0;
  #program: Program | undefined;
  #wanted = false;
  #kept = Promise.resolve();
  #isReady = false;

  constructor(
    readonly port: number,
    private readonly env: Record<string, string>,
    private readonly logFile: string,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get pid(): number | undefined {
    return this.#program?.child.pid;
  }

  /** Resolves when the API answers. */
  async start(): Promise<void> {
    this.#wanted = true;
    this.#kept = this.#keep();
    while (!this.#isReady) await sleep(50);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.#wanted = false;
    await this.#program?.kill(signal);
    await this.#kept;
  }

  async #keep(): Promise<void> {
    while (this.#wanted) {
      const env = { ...this.env, HIVE_PORT: String(this.port) };
      const program = Program.start('workers/hive.js', { args: ['start'], env, logFile: this.logFile });
      this.#program = program;
      const wasReady = await program.message().then(
        () => true,
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
