/** Follows one child that Node did not start itself. */
import { constants } from 'node:os';
import * as c from './constants.js';
import type { Libc } from './libc.js';

const LOOK_MS = 2000;

/** `signal` is a number; one of the two is set. */
export interface ChildEnd {
  code: number | null;
  signal: number | null;
}

export interface ChildEvents {
  /** A signal, given as its number, has stopped it. */
  stopped?: (signal: number) => void;
  ended: (end: ChildEnd) => void;
}

export class Child {
  readonly pid: number;
  isStopped = false;
  readonly #libc: Libc;
  readonly #events: ChildEvents;
  readonly #look = () => this.look();
  #end: ChildEnd | undefined;
  /** Looks now and then, so that no lost signal matters; it also keeps this process alive until the child's end. */
  readonly #looking = setInterval(() => this.look(), LOOK_MS);

  /** @param pid waited for from now on; an end that has come already is reported at once */
  constructor(libc: Libc, pid: number, events: ChildEvents) {
    this.#libc = libc;
    this.pid = pid;
    this.#events = events;
    process.on('SIGCHLD', this.#look);
    process.nextTick(this.#look); // it may have ended before the listener was there
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Asks the system what has become of it. */
  look(): void {
    const status = Buffer.alloc(4);
    while (!this.#end && this.#libc.waitpid(this.pid, status, c.WNOHANG | c.WUNTRACED | c.WCONTINUED) === this.pid) {
      this.#changed(status.readInt32LE(0));
    }
  }

  #changed(status: number): void {
    const low = status & 0x7f;
    const high = (status >> 8) & 0xff;
    if (low === 0x7f) {
      this.isStopped = status !== 0xffff && high !== constants.signals.SIGCONT;
      if (this.isStopped) this.#events.stopped?.(high);
      return;
    }
    this.#end = low === 0 ? { code: high, signal: null } : { code: null, signal: low };
    process.off('SIGCHLD', this.#look);
    clearInterval(this.#looking);
    this.#events.ended(this.#end);
  }
}
