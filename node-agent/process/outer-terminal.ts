/** The terminal that `run` was started on: raw while the command has a terminal of its own, and put back afterwards. */
import { closeSync, constants, openSync } from 'node:fs';
import * as c from './constants.js';
import { isTerminal } from './is-terminal.js';
import type { Libc } from './libc.js';

export class OuterTerminal {
  readonly #libc: Libc;
  readonly fd: number;
  /** Reads what is typed, without blocking and without changing the descriptor that others share. */
  readonly inputFd: number;
  readonly #saved = Buffer.alloc(c.TERMIOS_BYTES);
  readonly #ownsInput: boolean;
  #isRaw = false;

  /** @returns the terminal among standard input, output and error */
  static find(libc: Libc): OuterTerminal | undefined {
    const fd = [0, 1, 2].find((each) => isTerminal(each));
    return fd === undefined ? undefined : new OuterTerminal(libc, fd);
  }

  private constructor(libc: Libc, fd: number) {
    this.#libc = libc;
    this.fd = fd;
    libc.tcgetattr(fd, this.#saved);
    const own = openOwn(fd);
    this.#ownsInput = own !== undefined;
    this.inputFd = own ?? fd;
  }

  raw(): void {
    if (this.#isRaw) return;
    // what another program has set since then is what must be put back
    this.#libc.tcgetattr(this.fd, this.#saved);
    const raw = Buffer.from(this.#saved);
    this.#libc.cfmakeraw(raw);
    this.#isRaw = this.#libc.tcsetattr(this.fd, c.TCSANOW, raw) === 0;
  }

  restore(): void {
    if (!this.#isRaw) return;
    this.#libc.tcsetattr(this.fd, c.TCSANOW, this.#saved);
    this.#isRaw = false;
  }

  close(): void {
    this.restore();
    if (this.#ownsInput) closeSync(this.inputFd);
  }
}

function openOwn(fd: number): number | undefined {
  if (process.platform !== 'linux') return undefined; // elsewhere this would only copy the descriptor
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return undefined;
  }
}
