/** Passes the command's output on to this process's own, unchanged and in order. */
import { write } from 'node:fs';

/** Two of what is read at once: less would have the reading stop after each. */
const HIGH_BYTES = 1024 * 1024;
const LOW_BYTES = 256 * 1024;
const AGAIN_MS = 5;

export interface PassthroughEvents {
  /** Too much is waiting: the command's output should not be read until `ready`. */
  full(): void;
  ready(): void;
  /** The reader of this descriptor has gone. */
  closed(fd: number): void;
  /** All of these bytes were written. */
  written(bytes: Buffer): void;
}

interface Waiting {
  fd: number;
  /** What is left of `whole`. */
  chunk: Buffer;
  whole: Buffer;
}

/**
 * One queue for stdout and stderr, so that they keep their order. It is written in the thread pool, because a
 * `process.stdout` that is a pipe would block the process, and with it the recording, while its reader sleeps.
 */
export class Passthrough {
  readonly #events: PassthroughEvents;
  readonly #queue: Waiting[] = [];
  readonly #closed = new Set<number>();
  #bytes = 0;
  #writing = false;
  #full = false;
  #idle: (() => void)[] = [];

  constructor(events: PassthroughEvents) {
    this.#events = events;
  }

  write(fd: number, chunk: Buffer): void {
    if (this.#closed.has(fd)) return;
    this.#queue.push({ fd, chunk, whole: chunk });
    this.#bytes += chunk.length;
    if (this.#bytes > HIGH_BYTES && !this.#full) {
      this.#full = true;
      this.#events.full();
    }
    if (!this.#writing) this.#writeNext();
  }

  /** Resolves when everything has been written. */
  flushed(): Promise<void> {
    return this.#writing ? new Promise((resolve) => this.#idle.push(resolve)) : Promise.resolve();
  }

  #writeNext(): void {
    const next = this.#queue[0];
    this.#writing = next !== undefined;
    if (!next) {
      for (const resolve of this.#idle.splice(0)) resolve();
      return;
    }
    write(next.fd, next.chunk, (error, written) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(() => this.#writeNext(), AGAIN_MS);
        return;
      }
      if (error) this.#close(next.fd);
      else this.#advance(next, written);
      this.#writeNext();
    });
  }

  #advance(head: Waiting, written: number): void {
    this.#bytes -= written;
    if (written < head.chunk.length) head.chunk = head.chunk.subarray(written);
    else {
      this.#queue.shift();
      this.#events.written(head.whole);
    }
    this.#announceReady();
  }

  #close(fd: number): void {
    this.#closed.add(fd);
    const kept = this.#queue.filter((entry) => entry.fd !== fd);
    this.#queue.splice(0, this.#queue.length, ...kept);
    this.#bytes = kept.reduce((bytes, { chunk }) => bytes + chunk.length, 0);
    this.#events.closed(fd);
    this.#announceReady();
  }

  #announceReady(): void {
    if (!this.#full || this.#bytes > LOW_BYTES) return;
    this.#full = false;
    this.#events.ready();
  }
}
