/** Reads what a command prints, in the order in which it was printed as far as that can be known. */
import { constants } from 'node:os';
import { POLLIN } from './constants.js';
import type { Libc } from './libc.js';
import { PIPE_BYTES } from './pipes.js';
import type { PollLoop, Watch } from './poll-loop.js';
import type { CommandOutput, OutputType } from './running-command.js';

const { EAGAIN, EINTR } = constants.errno;
const CHUNK_BYTES = 256 * 1024;
/** Smaller chunks are copied, so that a line does not hold a whole buffer. */
const COPY_BYTES = 64 * 1024;
/** A pseudo-terminal that nobody has open at the moment may be opened again while its command runs. */
const REOPENED_MS = 50;

export interface OutputSources {
  stdout: number;
  /** Undefined if both go to one descriptor. */
  stderr: number | undefined;
  /** Whether stdout is a pseudo-terminal. */
  isTerminal: boolean;
}

export class OutputReader implements CommandOutput {
  readonly #libc: Libc;
  readonly #loop: PollLoop;
  readonly #isTerminal: boolean;
  readonly #output: (type: OutputType, bytes: Buffer) => void;
  readonly #open = new Map<OutputType, Watch>();
  #buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  #isPaused = false;
  #isStopped = false;
  #commandRuns = true;
  #resolveClosed = (): void => undefined;
  readonly closed = new Promise<void>((resolve) => (this.#resolveClosed = resolve));

  /** @param output called with bytes that belong to it from then on */
  constructor(
    libc: Libc,
    loop: PollLoop,
    { stdout, stderr, isTerminal }: OutputSources,
    output: (type: OutputType, bytes: Buffer) => void,
  ) {
    this.#libc = libc;
    this.#loop = loop;
    this.#isTerminal = isTerminal;
    this.#output = output;
    const ready = () => this.#readAll();
    this.#open.set('stdout', { fd: stdout, events: POLLIN, ready });
    if (stderr !== undefined) this.#open.set('stderr', { fd: stderr, events: POLLIN, ready });
    this.resume();
  }

  get open(): [OutputType, number][] {
    return [...this.#open].map(([type, { fd }]) => [type, fd]);
  }

  pause(): void {
    this.#isPaused = true;
    for (const watch of this.#open.values()) this.#loop.remove(watch);
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#isStopped) for (const watch of this.#open.values()) this.#loop.add(watch);
  }

  commandEnded(): void {
    this.#commandRuns = false;
    if (!this.#isPaused) this.#readAll();
  }

  close(type: OutputType): void {
    const watch = this.#open.get(type);
    if (!watch) return;
    this.#loop.remove(watch);
    this.#open.delete(type);
    this.#libc.close(watch.fd);
    if (this.#open.size === 0) this.#resolveClosed();
  }

  stop(): void {
    this.#isStopped = true;
    this.pause();
  }

  /**
   * Takes stderr first and hands it on last: all that was written to stdout before it is then in stdout's pipe, and
   * goes before it.
   */
  #readAll(): void {
    const errors = this.#take('stderr', 1);
    const output = this.#take('stdout', PIPE_BYTES);
    for (const bytes of output.chunks) this.#output('stdout', bytes);
    for (const bytes of errors.chunks) this.#output('stderr', bytes);
    if (output.isEnd) this.#ended('stdout');
    if (errors.isEnd) this.#ended('stderr');
  }

  /** Reads until there is nothing, or until it has this much. */
  #take(type: OutputType, enough: number): { chunks: Buffer[]; isEnd: boolean } {
    const watch = this.#open.get(type);
    const chunks: Buffer[] = [];
    let taken = 0;
    while (watch && taken < enough) {
      const bytes = this.#libc.read(watch.fd, this.#buffer, CHUNK_BYTES);
      if (bytes <= 0) {
        const code = bytes === 0 ? undefined : this.#libc.errno();
        if (code === EINTR) continue;
        return { chunks, isEnd: code !== EAGAIN };
      }
      taken += bytes;
      chunks.push(this.#filled(bytes));
    }
    return { chunks, isEnd: false };
  }

  #filled(bytes: number): Buffer {
    const filled = this.#buffer.subarray(0, bytes);
    if (bytes <= COPY_BYTES) return Buffer.from(filled);
    this.#buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    return filled;
  }

  #ended(type: OutputType): void {
    const watch = this.#open.get(type);
    if (!watch) return;
    if (!(this.#commandRuns && this.#isTerminal && type === 'stdout')) {
      this.close(type);
      return;
    }
    this.#loop.remove(watch);
    setTimeout(() => {
      if (!this.#isPaused && this.#open.has(type)) this.#loop.add(watch);
    }, REOPENED_MS);
  }
}
