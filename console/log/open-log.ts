/** A log that is open: its lines as far as they are kept, where the screen is, and what goes on. It knows no DOM. */
import { signal } from '@preact/signals';
import type { Style } from './ansi/style.js';
import { LineLoader, type Hole } from './line-loader.js';
import { LineReader, type ReadLines } from './line-reader.js';
import { LineStore } from './line-store.js';
import type { Line } from './line.js';
import { LiveLines, type LiveState } from './live-lines.js';
import type { DamagedLinesError } from './damaged-lines.js';
import { readPage, type LogOf } from './log-requests.js';
import { LogRows, type MissingLines } from './log-rows.js';
import { LogScreen, type ScreenRows, type Where } from './log-screen.js';
import type { LineRange } from './permalink.js';
import { RecentLines } from './recent-lines.js';
import { styleBefore } from './segment-styles.js';

/** Lines that are loaded before they are scrolled to, beyond those that are drawn. */
const AHEAD_LINES = 300;

export interface OpenLogOptions {
  /** How many lines the hive had when the page asked. */
  storedLines: number;
  marked: LineRange | undefined;
  start: LogStart;
}

/** What is shown first: the marked lines, the end, or a line at the top. */
export type LogStart = 'marked' | 'end' | number;

export class OpenLog {
  readonly log: LogOf;
  readonly rows: LogRows;
  readonly screen: LogScreen;
  readonly reader: LineReader;
  /** Counts what has changed, at most once a frame. */
  readonly changes = signal(0);
  readonly isFollowing = signal(false);
  /** Lines that came while nobody followed. */
  readonly unseen = signal(0);
  readonly live = signal<LiveState>('connecting');
  readonly error = signal<Error | undefined>(undefined);
  /** Whether the first answer is here. */
  readonly isRead = signal(false);
  readonly marked = signal<LineRange | undefined>(undefined);
  /** The last line is seen, and stays so, whatever arrives or turns out to be higher. While lines arrive, that is following. */
  sticks = false;
  /** Counts the moves of the screen that nobody made by scrolling: the scroll bar follows. */
  moves = 0;
  readonly #store = new LineStore();
  readonly #recent = new RecentLines();
  readonly #loader: LineLoader;
  readonly #live: LiveLines;
  /** Up to here, the stream has told everything. */
  #liveTo = 0;
  readonly #start: number | 'end';
  readonly #startsAtMark: boolean;
  #unseen = 0;
  #frame: number | undefined;

  constructor(log: LogOf, { storedLines, marked, start }: OpenLogOptions) {
    this.log = log;
    this.rows = new LogRows(this.#store, log.outputType !== undefined);
    this.rows.last = storedLines;
    this.screen = new LogScreen(this.rows);
    this.reader = new LineReader(log, readPage);
    this.marked.value = marked;
    this.#start = start === 'marked' ? (marked?.first ?? 'end') : start;
    this.#stick(this.#start === 'end');
    this.#startsAtMark = start === 'marked';
    this.#loader = new LineLoader(this.#store, this.reader, {
      read: (lines) => this.#take(lines),
      damaged: (error) => this.#damaged(error),
      failed: (error) => (this.error.value = error),
    });
    this.#live = new LiveLines(log, this.reader, {
      read: (lines) => this.#readEnd(lines),
      line: (line) => this.#append(line),
      damaged: (error) => this.#damaged(error),
      state: (state, error) => {
        this.live.value = state;
        this.error.value = error;
        if (state === 'ended') this.isFollowing.value = false;
      },
    });
  }

  open(): void {
    this.#live.open();
  }

  close(): void {
    this.#live.close();
    this.#loader.end();
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
  }

  /** What the page learns from elsewhere: how many lines are stored, and which are not. */
  told(storedLines: number, missing: readonly MissingLines[]): void {
    // a stream tells them in a moment, with what they say
    if (this.rows.isFiltered || this.live.peek() !== 'live') this.rows.last = Math.max(this.rows.last, storedLines);
    this.rows.setMissing(missing);
    this.changed();
  }

  /** Where another log of the same lines starts, so that the reader's place is kept. */
  get placeRead(): LogStart {
    return this.sticks ? 'end' : this.screen.anchor.key;
  }

  line(seq: number): Line | undefined {
    return this.#store.line(seq);
  }

  styleBefore(line: Line): Style {
    return styleBefore(this.#store, line);
  }

  /** Draws again with the next frame, however much changes until then. */
  changed(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.unseen.value = this.#unseen; // not with each line: a frame shows it once
      this.changes.value++;
    });
  }

  /** @returns the rows to draw; what is not known of them is asked for */
  layout(): ScreenRows {
    if (this.sticks) this.screen.toEnd();
    const layout = this.screen.layout();
    const [first, last] = [layout.rows[0], layout.rows.at(-1)];
    if (this.isRead.peek() && first && last) {
      const lastLine = Math.min(last.to, this.rows.last);
      this.#store.evict(first.key, lastLine);
      this.#loader.want(this.#unknownOf(layout) ?? this.#ahead(first.key, lastLine));
    }
    return layout;
  }

  scrolledBy(delta: number): void {
    this.screen.moveBy(delta);
    this.#stick(delta > 0 && this.screen.isAtEnd);
    this.changed();
  }

  scrolledTo(share: number): void {
    this.screen.toShare(share);
    this.#stick(this.screen.isAtEnd);
    this.changed();
  }

  show(seq: number, where: Where = 'third'): void {
    this.#stick(false);
    this.#place(seq, where);
    this.#moved();
  }

  #place(seq: number, where: Where): void {
    this.screen.show(Math.min(Math.max(seq, 1), Math.max(1, this.rows.end)), where);
  }

  toStart(): void {
    this.#stick(false);
    this.screen.toStart();
    this.#moved();
  }

  toEnd(): void {
    this.#stick(true);
    this.#moved();
  }

  follow(isOn: boolean): void {
    this.#stick(isOn);
    this.#moved();
  }

  #stick(isOn: boolean): void {
    this.sticks = isOn;
    this.isFollowing.value = isOn && this.live.peek() !== 'ended';
    if (isOn) this.#unseen = 0;
  }

  #moved(): void {
    this.moves++;
    this.changed();
  }

  #readEnd(lines: ReadLines): void {
    this.#take(lines);
    this.#liveTo = Math.max(this.#liveTo, lines.lines.at(-1)?.seq ?? 0);
    if (this.isRead.peek()) return;
    this.isRead.value = true;
    if (this.#start !== 'end') this.#place(this.#start, this.#startsAtMark ? 'third' : 'top');
    this.#moved();
  }

  #take({ from, to, lines, total }: ReadLines): void {
    this.rows.last = Math.max(this.rows.last, lines.at(-1)?.seq ?? 0);
    this.rows.total = Math.max(total, this.rows.total);
    this.#store.insert(from, Math.min(to, this.#knownEnd(lines)), lines);
    this.#recent.appendTo(this.#store);
    this.changed();
  }

  /** "Nothing more" is true of what the filter lets through; without one, every number up to the last line has a line. */
  #knownEnd(lines: readonly Line[]): number {
    return this.rows.isFiltered ? this.rows.last : (lines.at(-1)?.seq ?? 0);
  }

  #damaged({ first, last, message }: DamagedLinesError): void {
    this.rows.addDamaged(first, last, message);
    this.changed();
  }

  #append(line: Line): void {
    if (line.seq <= this.#liveTo) return;
    this.#store.append(this.#liveTo, line);
    this.#recent.add(this.#liveTo, line);
    this.#liveTo = line.seq;
    this.rows.last = Math.max(this.rows.last, line.seq);
    this.rows.total++;
    const at = this.sticks ? line.seq : this.screen.anchor.key;
    this.#store.evict(at, at); // a tab that is not seen draws no frames
    if (!this.sticks) this.#unseen++;
    this.changed();
  }

  #unknownOf({ rows }: ScreenRows): Hole | undefined {
    const unknown = rows.filter((row) => row.kind === 'unknown');
    const [first, last] = [unknown[0], unknown.at(-1)];
    if (!first || !last) return undefined;
    if (!this.rows.isFiltered) return { from: first.key, to: last.to, nearest: 'from' };
    const atOrBelow = unknown.find((row) => row.key >= this.screen.anchor.key);
    if (atOrBelow) return { from: atOrBelow.key, to: atOrBelow.to, nearest: 'from' };
    return { from: first.key, to: first.to, nearest: 'to' };
  }

  #ahead(first: number, last: number): Hole | undefined {
    let below = last;
    while (below < last + AHEAD_LINES) {
      const known = this.#store.covering(below + 1);
      if (!known) break;
      below = known.to;
    }
    if (below < Math.min(last + AHEAD_LINES, this.rows.last)) {
      return { from: below + 1, to: below + AHEAD_LINES, nearest: 'from' };
    }
    let above = first;
    while (above > first - AHEAD_LINES) {
      const known = this.#store.covering(above - 1);
      if (!known) break;
      above = known.from;
    }
    if (above > Math.max(first - AHEAD_LINES, 1))
      return { from: Math.max(1, above - AHEAD_LINES), to: above - 1, nearest: 'to' };
    return undefined;
  }
}
