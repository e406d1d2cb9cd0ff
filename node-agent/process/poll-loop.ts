/** Waits until descriptors can be read or written, in one thread of libuv's pool, and leaves the reading to its users. */
import type { POLLOUT } from './constants.js';
import { POLLIN } from './constants.js';
import type { Libc } from './libc.js';
import { openPipe } from './pipes.js';

const POLLFD_BYTES = 8;
const WAKE_BYTES = 64;

/** One descriptor, awaited in one direction. */
export interface Watch {
  readonly fd: number;
  /** 0 awaits only the end. */
  readonly events: typeof POLLIN | typeof POLLOUT | 0;
  /** Called when there is data, room, or an end. Two watches that share it are told once. */
  readonly ready: () => void;
}

/** libuv reads a stream until it is empty before it looks at the next one, so the order of two streams would be lost. */
export class PollLoop {
  readonly #libc: Libc;
  readonly #watches = new Set<Watch>();
  readonly #wakeFd: number;
  readonly #wake: Watch;
  #isPolling = false;
  #isWoken = false;
  #isClosed = false;

  constructor(libc: Libc) {
    this.#libc = libc;
    const { readFd, writeFd } = openPipe(libc);
    this.#wakeFd = writeFd;
    this.#wake = {
      fd: readFd,
      events: POLLIN,
      ready: () => libc.read(readFd, Buffer.alloc(WAKE_BYTES), WAKE_BYTES),
    };
  }

  add(watch: Watch): void {
    if (this.#watches.has(watch)) return;
    this.#watches.add(watch);
    this.#poll();
  }

  remove(watch: Watch): void {
    if (this.#watches.delete(watch)) this.#poll();
  }

  /** Ends it; the descriptors stay open. */
  close(): void {
    this.#isClosed = true;
    this.#poll();
  }

  #poll(): void {
    if (this.#isPolling) {
      if (this.#isWoken) return;
      this.#isWoken = true;
      this.#libc.write(this.#wakeFd, Buffer.of(0), 1);
      return;
    }
    if (this.#isClosed || this.#watches.size === 0) return;
    this.#isPolling = true;
    const polled = [this.#wake, ...this.#watches];
    const entries = Buffer.alloc(POLLFD_BYTES * polled.length);
    polled.forEach(({ fd, events }, index) => {
      entries.writeInt32LE(fd, index * POLLFD_BYTES);
      entries.writeInt16LE(events, index * POLLFD_BYTES + 4);
    });
    this.#libc.poll.async(entries, polled.length, -1, () => this.#polled(entries, polled));
  }

  #polled(entries: Buffer, polled: readonly Watch[]): void {
    const told = new Set<() => void>();
    polled.forEach((watch, index) => {
      const isReady = entries.readInt16LE(index * POLLFD_BYTES + 6) !== 0;
      if (isReady && (watch === this.#wake || this.#watches.has(watch))) told.add(watch.ready);
    });
    // still counts as polling, so that changes made meanwhile make one new poll
    this.#isWoken = true;
    if (!this.#isClosed) for (const ready of told) ready();
    this.#isWoken = false;
    this.#isPolling = false;
    this.#poll();
  }
}
