/**
 * Loads the lines that are shown and not known yet: what is wanted now, and nothing that was wanted before. When somebody
 * drags the scroll bar through a million lines, each request is ended by the next.
 */
import type { LineStore } from './line-store.js';
import type { LineReader, ReadLines } from './line-reader.js';
import { PAGE_LINES } from './line-reader.js';
import { DamagedLinesError } from './damaged-lines.js';

/** How far before the first line that is shown is read, for the colours that begin there (segment-styles.ts). */
const LOOK_BACK = 500;
const RETRY_MS = 2000;

/** Numbers that nothing is known of. */
export interface Hole {
  from: number;
  to: number;
  /** Which end is shown: it is read from there. */
  nearest: 'from' | 'to';
}

export interface LoaderEvents {
  read(lines: ReadLines): void;
  damaged(error: DamagedLinesError): void;
  /** Undefined: it works again. */
  failed(error: Error | undefined): void;
}

export class LineLoader {
  readonly #store: LineStore;
  readonly #reader: LineReader;
  readonly #events: LoaderEvents;
  #loading: { hole: Hole; aborting: AbortController } | undefined;
  #wanted: Hole | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(store: LineStore, reader: LineReader, events: LoaderEvents) {
    this.#store = store;
    this.#reader = reader;
    this.#events = events;
  }

  /** @param hole what is shown and unknown; undefined if all is known */
  want(hole: Hole | undefined): void {
    this.#wanted = hole;
    if (this.#loading) {
      if (!hole || overlap(this.#loading.hole, hole)) return;
      this.#loading.aborting.abort();
      this.#loading = undefined;
    }
    if (hole && this.#retry === undefined) void this.#load(hole);
  }

  end(): void {
    clearTimeout(this.#retry);
    this.#wanted = undefined;
    this.#loading?.aborting.abort();
  }

  async #load(hole: Hole): Promise<void> {
    const aborting = new AbortController();
    const loading = { hole, aborting };
    this.#loading = loading;
    try {
      const lines = await this.#read(hole, aborting.signal);
      if (aborting.signal.aborted) return;
      this.#loading = undefined;
      this.#events.failed(undefined);
      this.#events.read(lines);
    } catch (error) {
      if (aborting.signal.aborted) return;
      this.#loading = undefined;
      if (error instanceof DamagedLinesError) this.#events.damaged(error);
      else this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.want(this.#wanted);
    }, RETRY_MS);
    this.#events.failed(error instanceof Error ? error : new Error(String(error)));
  }

  #read({ from, to, nearest }: Hole, signal: AbortSignal): Promise<ReadLines> {
    if (nearest === 'to') {
      const floor = this.#store.preceding(to)?.to ?? 0;
      return this.#reader.backward(to + 1, Math.min(PAGE_LINES, to - floor), signal);
    }
    const floor = (this.#store.preceding(from)?.to ?? 0) + 1;
    const start = Math.max(floor, from - LOOK_BACK);
    const ceiling = this.#store.following(from)?.from ?? Infinity;
    return this.#reader.forward(start, Math.min(PAGE_LINES, ceiling - start), signal);
  }
}

const overlap = (one: Hole, other: Hole): boolean => one.from <= other.to && other.from <= one.to;
