/** For tests: a terminal, and a program in a session of its own on it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import * as c from '../process/constants.js';
import { libc, type Libc } from '../process/libc.js';
import { OutputReader } from '../process/output-reader.js';
import { PollLoop } from '../process/poll-loop.js';
import { PseudoTerminal } from '../process/pseudo-terminal.js';

/** How long to wait for what is expected. */
const PATIENCE_MS = 60_000;

export interface TerminalOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  rows?: number;
  columns?: number;
}

export interface TerminalEnd {
  status: number | null;
  signal: NodeJS.Signals | null;
}

export class TestTerminal {
  readonly #libc: Libc;
  readonly #pty: PseudoTerminal;
  readonly #loop: PollLoop;
  readonly #reader: OutputReader;
  readonly #chunks: Buffer[] = [];
  readonly child: ChildProcess;
  readonly ended: Promise<TerminalEnd>;

  /** Starts the program as the leader of a session that this terminal controls. */
  constructor(
    argv: readonly string[],
    { env = process.env, cwd = '/', rows = 33, columns = 101 }: TerminalOptions = {},
  ) {
    const functions = libc();
    if (!functions) throw new Error('no terminals without koffi');
    this.#libc = functions;
    this.#pty = new PseudoTerminal(functions);
    const slaveFd = this.#pty.openSlave();
    this.#pty.setSize({ rows, columns });
    this.child = spawn('setsid', ['--ctty', ...argv], { env, cwd, stdio: [slaveFd, slaveFd, slaveFd] });
    closeSync(slaveFd);
    this.#loop = new PollLoop(functions);
    const sources = { stdout: this.#pty.masterFd, stderr: undefined, isTerminal: true };
    this.#reader = new OutputReader(functions, this.#loop, sources, (_, bytes) => this.#chunks.push(bytes));
    this.ended = new Promise((resolve) => {
      this.child.once('exit', (status, signal) => {
        this.#reader.commandEnded();
        resolve({ status, signal });
      });
    });
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** All that has been shown, as text. */
  get text(): string {
    return this.bytes.toString();
  }

  type(keys: string): void {
    const bytes = Buffer.from(keys);
    this.#libc.write(this.#pty.masterFd, bytes, bytes.length);
  }

  /** Waits until this has been shown. @returns all that has been */
  async until(expected: string | RegExp): Promise<string> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!(typeof expected === 'string' ? this.text.includes(expected) : expected.test(this.text))) {
      if (performance.now() > deadline)
        throw new Error(`not shown: ${String(expected)}; but: ${JSON.stringify(this.text)}`);
      await sleep(10);
    }
    return this.text;
  }

  /** Forgets what has been shown. */
  clear(): void {
    this.#chunks.length = 0;
  }

  resize(rows: number, columns: number): void {
    this.#pty.setSize({ rows, columns });
  }

  /** The terminal's settings, for comparing. */
  settings(): string {
    const termios = Buffer.alloc(c.TERMIOS_BYTES);
    this.#libc.tcgetattr(this.#pty.masterFd, termios);
    return termios.toString('hex');
  }

  /** Takes the terminal away, as a closed window does. */
  hangUp(): void {
    this.#reader.close('stdout');
  }

  close(): void {
    this.#loop.close();
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    this.#reader.close('stdout');
  }
}

/** The key that is typed with Ctrl. */
export function ctrl(letter: string): string {
  return String.fromCharCode(letter.toUpperCase().charCodeAt(0) - 64);
}
