/** Reads what a command prints, in the order in which it was printed as far as that can be known. */
import { constants } from 'node:os';
import { POLLIN } from './constants.js';
import type { Libc } from './libc.js';
import { PIPE_BYTES } from './pipes.js';
import type { PollLoop, Watch } from './poll-loop.js';
import type { CommandOutput, OutputType } from './running-command.js';

const { EAGAIN, EINTR } = constants.errno;
/** What a pipe holds, so that one reading empties it. */
const CHUNK_BYTES = PIPE_BYTES;
/** Smaller chunks are copied, so that a line does not hold a whole buffer. */
const COPY_BYTES = 64 * 1024;
const MAX_SPARE = 4;
/** Where so much was there at once, more comes soon. It costs less to read it together. */
const FLOWING_BYTES = 32 * 1024;
/** What comes meanwhile finds room in a pipe. */
const GATHER_MS = 0.2;
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
  #buffer: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  /** Buffers that were given back: new ones cost time, because the system has to find memory for them. */
  readonly #spare: Buffer[] = [];
  readonly #never = new Int32Array(new SharedArrayBuffer(4));
  #isFlowing = false;
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
    if (this.#isFlowing) Atomics.wait(this.#never, 0, 0, GATHER_MS);
    const errors = this.#take('stderr', 1);
    const output = this.#take('stdout', CHUNK_BYTES);
    this.#isFlowing = (output.bytes?.length ?? 0) >= FLOWING_BYTES;
    if (output.bytes) this.#output('stdout', output.bytes);
    if (errors.bytes) this.#output('stderr', errors.bytes);
    if (output.isEnd) this.#ended('stdout');
    if (errors.isEnd) this.#ended('stderr');
  }

  /** Reads until there is nothing, or until it has this much: in one piece, because each piece costs what follows. */
  #take(type: OutputType, enough: number): { bytes: Buffer | undefined; isEnd: boolean } {
    const watch = this.#open.get(type);
    let taken = 0;
    let isEnd = false;
    while (watch && taken < enough) {
      const count = this.#libc.read(watch.fd, this.#buffer.subarray(taken), CHUNK_BYTES - taken);
      if (count > 0) {
        taken += count;
        continue;
      }
      const code = count === 0 ? undefined : this.#libc.errno();
      if (code === EINTR) continue;
      isEnd = code !== EAGAIN;
      break;
    }
    return { bytes: taken > 0 ? this.#filled(taken) : undefined, isEnd };
  }

  #filled(bytes: number): Buffer {
    const filled = this.#buffer.subarray(0, bytes);
    if (bytes <= COPY_BYTES) return Buffer.from(filled);
    this.#buffer = this.#spare.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
    return filled;
  }

  giveBack(bytes: Buffer): void {
    const { buffer } = bytes;
    if (buffer.byteLength === CHUNK_BYTES && this.#spare.length < MAX_SPARE) this.#spare.push(Buffer.from(buffer));
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
