/** Brings what is typed at the outer terminal to the pseudo-terminal. */
import { POLLIN, POLLOUT } from './constants.js';
import type { Libc } from './libc.js';
import type { PollLoop, Watch } from './poll-loop.js';
import type { PseudoTerminal } from './pseudo-terminal.js';

const CHUNK_BYTES = 4096;

export class TypedInput {
  readonly #libc: Libc;
  readonly #loop: PollLoop;
  readonly #terminal: PseudoTerminal;
  readonly #signalTyped: (signal: 'SIGINT' | 'SIGQUIT') => void;
  readonly #fromOuter: Watch;
  readonly #toCommand: Watch;
  #pending = Buffer.alloc(0);
  #isRunning = false;

  /** @param signalTyped told that a typed byte has made the pseudo-terminal send this signal to the command */
  constructor(
    libc: Libc,
    loop: PollLoop,
    outerFd: number,
    terminal: PseudoTerminal,
    signalTyped: (signal: 'SIGINT' | 'SIGQUIT') => void,
  ) {
    this.#libc = libc;
    this.#loop = loop;
    this.#terminal = terminal;
    this.#signalTyped = signalTyped;
    this.#fromOuter = { fd: outerFd, events: POLLIN, ready: () => this.#read() };
    this.#toCommand = { fd: terminal.masterFd, events: POLLOUT, ready: () => this.#write() };
  }

  start(): void {
    this.#isRunning = true;
    if (this.#pending.length === 0) this.#loop.add(this.#fromOuter);
  }

  stop(): void {
    this.#isRunning = false;
    this.#loop.remove(this.#fromOuter);
    this.#loop.remove(this.#toCommand);
  }

  #read(): void {
    const typed = Buffer.alloc(CHUNK_BYTES);
    const bytes = this.#libc.read(this.#fromOuter.fd, typed, CHUNK_BYTES);
    if (bytes === 0) this.stop(); // the terminal has gone
    if (bytes <= 0) return;
    const signals = new Set([...typed.subarray(0, bytes)].map((byte) => this.#terminal.signalOf(byte)));
    this.#pending = typed.subarray(0, bytes);
    this.#write();
    for (const signal of signals) if (signal) this.#signalTyped(signal);
  }

  /** Takes no more from the outer terminal until the pseudo-terminal has taken what is pending. */
  #write(): void {
    const written = this.#libc.write(this.#terminal.masterFd, this.#pending, this.#pending.length);
    if (written > 0) this.#pending = this.#pending.subarray(written);
    const isDone = this.#pending.length === 0;
    this.#loop[isDone ? 'remove' : 'add'](this.#toCommand);
    if (isDone && this.#isRunning) this.#loop.add(this.#fromOuter);
    else this.#loop.remove(this.#fromOuter);
  }
}
