/**
 * Follows a log that grows while somebody can see the page. When the stream breaks, or somebody comes back, the end is
 * read again, however much came in between.
 */
import { Backoff } from '../hive/backoff.js';
import { whileSeen } from '../hive/while-seen.js';
import { isGone } from '../ui/error-words.js';
import type { LineReader, LiveCursor, ReadLines } from './line-reader.js';
import { PAGE_LINES } from './line-reader.js';
import { toLine, type Line } from './line.js';
import { DamagedLinesError } from './damaged-lines.js';
import { streamAddress, type LogEntry, type LogOf } from './log-requests.js';

export interface LiveEvents {
  /** The end of the log, or what came right after the line that was known last. */
  read(lines: ReadLines): void;
  line(line: Line): void;
  damaged(error: DamagedLinesError): void;
  state(state: LiveState, error?: Error): void;
}

/** `ended`: nothing more will come. */
export type LiveState = 'connecting' | 'live' | 'away' | 'ended';

/** So many requests to catch up with a log that grows while it is read; what is left then comes by the stream. */
const MAX_CATCH_UPS = 5;

export class LiveLines {
  readonly #log: LogOf;
  readonly #reader: LineReader;
  readonly #events: LiveEvents;
  readonly #backoff = new Backoff();
  #aborting = new AbortController();
  #source: EventSource | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #unwatch: (() => void) | undefined;

  constructor(log: LogOf, reader: LineReader, events: LiveEvents) {
    this.#log = log;
    this.#reader = reader;
    this.#events = events;
  }

  /** Reads the end, and goes on from there. */
  open(): void {
    this.#unwatch = whileSeen({
      open: () => void this.#begin(),
      close: () => {
        this.#break();
        this.#events.state('connecting');
      },
    });
  }

  close(): void {
    this.#unwatch?.();
    this.#break();
  }

  async #begin(): Promise<void> {
    this.#aborting = new AbortController();
    const { signal } = this.#aborting;
    try {
      const cursor = await this.#catchUp(await this.#readEnd(signal), signal);
      if (signal.aborted) return;
      if (cursor === null) this.#end();
      else this.#stream(cursor);
    } catch (failure) {
      if (signal.aborted) return;
      const error = failure instanceof Error ? failure : new Error(String(failure));
      if (isGone(error)) this.#end(error);
      else this.#again(error);
    }
  }

  #break(): void {
    this.#aborting.abort();
    clearTimeout(this.#retry);
    this.#source?.close();
  }

  #end(error?: Error): void {
    this.close();
    this.#events.state('ended', error);
  }

  /** @returns the number of the last line */
  async #readEnd(signal: AbortSignal): Promise<number> {
    try {
      const end = await this.#reader.end(PAGE_LINES, signal);
      this.#events.read(end);
      return end.lines.at(-1)?.seq ?? 0;
    } catch (error) {
      if (!(error instanceof DamagedLinesError)) throw error;
      const { first, last } = error;
      this.#events.damaged(error);
      this.#events.read({ from: first, to: last, lines: [], total: 0 });
      return last;
    }
  }

  async #catchUp(after: number, signal: AbortSignal): Promise<LiveCursor> {
    for (let tries = 1, last = after; ; tries++) {
      const next = await this.#reader.live(last, signal);
      if (next.lines.length > 0) this.#events.read(next);
      if (!next.hasMore || tries === MAX_CATCH_UPS) return next.cursor;
      last = next.to;
    }
  }

  #stream(cursor: string): void {
    const source = new EventSource(streamAddress(this.#log, cursor));
    this.#source = source;
    source.onopen = () => {
      this.#backoff.reset();
      this.#events.state('live');
    };
    source.onmessage = ({ data }: MessageEvent<string>) => this.#events.line(toLine(JSON.parse(data) as LogEntry));
    source.addEventListener('end', () => this.#end());
    // An EventSource would come back by itself and be sent every line in between. That can be a million; and it does not
    // tell an end (204) from a refusal.
    source.onerror = () => {
      source.close();
      this.#again(undefined);
    };
  }

  #again(error: Error | undefined): void {
    this.#events.state('away', error);
    this.#retry = setTimeout(() => void this.#begin(), this.#backoff.next());
  }
}
