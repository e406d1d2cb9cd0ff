/** One node: its agent's real processes behind a proxy of its own, what it recorded, and what happened to that. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildProcess } from 'node:child_process';
import { Database } from '../../node-agent/store/sqlite.js';
import { NodeAgent } from '../harness/node-agent.js';
import { projectRoot } from '../../workers/project-root.js';
import type { FaultProxy } from './fault-proxy.js';
import type { OutputSpec } from './lines.js';
import type { Progress } from './print-lines.js';

/** The reason why a recording is compared with the node's store, not with what was printed. */
export type Disturbance = 'recorder_killed' | 'disk_full' | 'store_restored';

export interface Recording {
  attemptId: string;
  output: OutputSpec;
  progressFile: string;
  child: ChildProcess;
  ended: Promise<unknown>;
  disturbance?: Disturbance;
  /** When its recorder was killed, in ms since the epoch. */
  killedAt?: number;
  /** The longest time until then for which this process could not run, in ms: the recorder's were about as long. */
  stalledMs?: number;
}

const SHIFT_CLOCK = join(projectRoot(), 'tests', 'chaos', 'shift-clock.mjs');
const PRINT_LINES = join(projectRoot(), 'dist', 'tests', 'chaos', 'print-lines.js');

const stalls = monitorEventLoopDelay();

/** How long a service manager would wait. */
const RESTART_MS = 500;

export class ChaosNode {
  readonly #apiKey: () => string;
  readonly recordings: Recording[] = [];
  /** How often the connection's process ended without being told to. */
  unexpectedEnds = 0;
  readonly agent: NodeAgent;
  readonly #clockFile: string;
  readonly #attempts = new Map<number, string>();
  #isConnected = false;
  #replacing: Promise<void> = Promise.resolve();

  constructor(
    readonly directory: string,
    readonly name: string,
    readonly proxy: FaultProxy,
    apiKey: () => string,
    /** The hive that the proxy connects to. */
    readonly route: { hive: number },
  ) {
    stalls.reset(); // loading this program is none of the recorders' stalls
    stalls.enable();
    this.#apiKey = apiKey;
    this.#clockFile = `${directory}.clock`;
    this.agent = new NodeAgent(directory, name, {
      NODE_OPTIONS: `--import ${SHIFT_CLOCK}`,
      HIVESYNC_CHAOS_CLOCK: this.#clockFile,
    });
  }

  /** Starts recording. Resolves when the recorder is running. */
  async record(attempt: number | string, output: OutputSpec): Promise<Recording> {
    await this.#replacing;
    const attemptId = typeof attempt === 'string' ? attempt : this.#attemptId(attempt);
    const progressFile = `${this.directory}.${output.tag}.progress`;
    const command = [process.execPath, PRINT_LINES, JSON.stringify(output), progressFile];
    const { child } = this.agent.startRecording(command, ['--attempt', attemptId]);
    const recording = { attemptId, output, progressFile, child, ended: once(child, 'exit') };
    this.recordings.push(recording);
    return recording;
  }

  get running(): Recording[] {
    return this.recordings.filter(({ child }) => child.exitCode === null && child.signalCode === null);
  }

  /** Resolves when every command has ended. */
  async recorded(): Promise<void> {
    await Promise.all(this.recordings.map(({ ended }) => ended));
  }

  killRecorder(recording: Recording, disturbance: Disturbance): void {
    recording.disturbance ??= disturbance; // of a full disk, what was kept in memory is lost with it
    recording.killedAt = Date.now();
    recording.stalledMs = stalls.max / 1e6;
    recording.child.kill('SIGKILL');
  }

  connect(): void {
    const program = this.agent.connect(`http://127.0.0.1:${this.proxy.port}`, this.#apiKey());
    let hasStarted = false;
    // its log is JSON, but the error of a failed start is not
    program.child.stderr?.once('data', (said: Buffer) => (hasStarted = said.toString().startsWith('{')));
    this.#isConnected = true;
    program.child.once('exit', () => {
      if (!this.#isConnected || this.agent.connection !== program) return;
      // a start can fail, for example on a full disk; a service manager would try again
      if (hasStarted) this.unexpectedEnds++;
      setTimeout(() => {
        if (this.#isConnected && this.agent.connection === program) this.connect();
      }, RESTART_MS);
    });
  }

  async disconnect(signal: NodeJS.Signals): Promise<void> {
    this.#isConnected = false;
    await this.agent.stop(signal);
  }

  shiftClock(ms: number): void {
    writeFileSync(this.#clockFile, String(ms));
  }

  /** Copies the store as a backup program would. */
  backUp(file: string): void {
    const store = this.openStore();
    try {
      store.prepare('VACUUM INTO ?').run(file);
    } finally {
      store.close();
    }
  }

  /** Replaces the store by a backup. What was being recorded is lost with the old store. */
  restore(file: string): Promise<void> {
    this.#replacing = this.#replace(file);
    return this.#replacing;
  }

  async #replace(file: string): Promise<void> {
    for (const recording of this.running) {
      this.killRecorder(recording, 'store_restored');
      await recording.ended;
    }
    for (const recording of this.recordings) recording.disturbance = 'store_restored';
    await this.disconnect('SIGKILL');
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(this.directory, `node.db${suffix}`), { force: true });
    await copyFile(file, join(this.directory, 'node.db'));
    this.connect();
  }

  openStore(): Database {
    return new Database(join(this.directory, 'node.db'), { mustExist: true });
  }

  /** Stops all of the node's processes and its proxy. */
  async end(): Promise<void> {
    for (const { child } of this.running) child.kill('SIGKILL');
    await this.disconnect('SIGKILL');
    await this.proxy.close();
  }

  #attemptId(attempt: number): string {
    const id = this.#attempts.get(attempt) ?? randomUUID();
    this.#attempts.set(attempt, id);
    return id;
  }
}

/** @returns how much a command had printed at which time */
export function progressOf({ progressFile }: Recording): Progress[] {
  try {
    const lines = readFileSync(progressFile, 'utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Progress);
  } catch {
    return []; // it printed nothing
  }
}

/** Waits until the node's store exists. */
export async function storeExists(node: ChaosNode): Promise<void> {
  for (;;) {
    try {
      node.openStore().close();
      return;
    } catch {
      await sleep(50);
    }
  }
}
