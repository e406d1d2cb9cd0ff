/**
 * The list of attempts as the page has it: what was read of it, kept up by the feed of changes. A change of what is
 * shown is shown where it stands; nothing moves while somebody reads.
 */
import { effect, signal } from '@preact/signals';
import { ask, hive } from '../hive/client.js';
import { onChange, onMissed, type Change } from '../hive/feed.js';
import { session } from '../hive/session.js';
import { Counts } from './counts.js';
import { queryOf, type Choice } from './filters.js';
import { Paced } from './paced.js';
import { RowList, type Attempt, type Page } from './row-list.js';
import type { Range } from './window.js';

const PAGE_ROWS = 100;
/** Read beyond what is drawn. */
const READ_AHEAD = 40;
/** So many rows are kept around the place where somebody looks. */
const KEPT_ROWS = 3000;

const HEAD_PAUSE_MS = 1000;
const COUNTS_PAUSE_MS = 2000;
/** Somebody who drags the scroll bar passes places that need not be read. */
const SETTLE_MS = 60;

export interface Current {
  index: number;
  /** Undefined while the row has not been read. */
  id: string | undefined;
}

export class AttemptList {
  readonly choice: Choice;
  readonly counts: Counts;
  /** Higher whenever rows have changed. */
  readonly version = signal(0);
  /** How many attempts are above the first row, which are not shown because somebody reads. */
  readonly unseen = signal(0);
  readonly error = signal<Error | undefined>(undefined);
  /** Undefined until the first answer. */
  rows: RowList | undefined;

  /** The row that the keyboard is at. */
  readonly current = signal<Current | undefined>(undefined);
  /** Where the page was scrolled to, for when one comes back to it. */
  scrollTop = 0;
  /** Somebody asked for the oldest attempt and has not moved since: as the list grows, its end is gone to. */
  wantsOldest = false;
  /** Whether rows may move now. The grid says so; while nobody looks at the list, they may not. */
  isReading: () => boolean = () => true;

  readonly #ending = new AbortController();
  readonly #head = new Paced(() => this.#readHead(), HEAD_PAUSE_MS);
  readonly #counting = new Paced(() => this.#count(), COUNTS_PAUSE_MS);
  readonly #stops: (() => void)[];
  #isShown = false;
  #wanted: Range = { first: 0, last: -1 };
  #reading: { start: number; aborting: AbortController } | undefined;
  #settling: ReturnType<typeof setTimeout> | undefined;
  #newest: Page | undefined;
  /** The first rows are not what the newest answer has. */
  #isBehind = false;

  constructor(choice: Choice) {
    this.choice = choice;
    this.counts = new Counts(choice.filters);
    this.#stops = [onChange((change) => this.#take(change)), onMissed(() => this.refresh())];
  }

  /** Somebody looks at it now. */
  show(): void {
    this.#isShown = true;
    this.refresh();
  }

  hide(): void {
    this.#isShown = false;
    this.wantsOldest = false;
    this.isReading = () => true;
  }

  /** It is not needed any more. */
  end(): void {
    for (const stop of this.#stops) stop();
    clearTimeout(this.#settling);
    this.#ending.abort();
    this.#reading?.aborting.abort();
    this.#head.end();
    this.#counting.end();
  }

  refresh(): void {
    if (!this.#isShown) return;
    this.#head.soon();
    this.#counting.soon();
    this.#readMissing();
  }

  /** Shows what is newest, whoever reads. */
  showNewest(): void {
    this.scrollTop = 0;
    this.wantsOldest = false;
    if (this.#newest) this.#begin(this.#newest);
    this.#head.soon();
  }

  /** Shows what is newest if nobody reads any more. */
  settle(): void {
    if (this.#isBehind && this.#newest && !this.isReading()) this.#begin(this.#newest);
  }

  /** Reads what is not known of these rows. */
  want(range: Range): void {
    this.#wanted = range;
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#readMissing(), SETTLE_MS);
  }

  #take({ attempt_id: id, attempt, deleted }: Change): void {
    const former = this.rows?.get(id);
    if (deleted || attempt === null) {
      if (this.rows?.markDeleted(id)) this.#changed();
      this.refresh();
    } else if (former) {
      this.rows?.update(attempt);
      this.#changed();
      if (this.choice.order === 'changed' || isElsewhere(former, attempt)) this.refresh();
    } else if (this.#mayBeNewest(attempt)) this.refresh();
    else if (this.#isShown) this.#counting.soon();
  }

  /** An attempt that is older than the list's first rows is further down, or not in it. */
  #mayBeNewest(attempt: Attempt): boolean {
    const last = this.#newest?.attempts.at(-1);
    if (!last || this.choice.order === 'changed') return true;
    const by = this.choice.order === 'created' ? 'created_at' : 'arrived_at';
    return Date.parse(attempt[by]) >= Date.parse(last[by]);
  }

  async #readHead(): Promise<void> {
    try {
      const page = await this.#read({ limit: PAGE_ROWS }, this.#ending.signal);
      this.#newest = page;
      this.error.value = undefined;
      if (!this.rows?.length || !this.isReading()) this.#begin(page);
      else this.#compare(this.rows, page);
    } catch (error) {
      this.#failed(error);
    }
  }

  #begin(page: Page): void {
    this.rows = new RowList(page);
    if (this.counts.total.value !== undefined && page.has_more) this.rows.resize(this.counts.total.value);
    this.#isBehind = false;
    this.unseen.value = 0;
    this.#changed();
    this.#readMissing();
  }

  #compare(rows: RowList, { attempts }: Page): void {
    this.#isBehind = attempts.some(({ id }, index) => rows.at(index)?.id !== id);
    this.unseen.value = attempts.filter((attempt) => !rows.update(attempt)).length;
    this.#changed();
  }

  #changed(): void {
    const current = this.current.peek();
    if (current && this.rows) this.current.value = found(current, this.rows);
    this.version.value = this.version.peek() + 1;
  }

  async #count(): Promise<void> {
    try {
      await this.counts.load(this.#ending.signal);
      const { value: total } = this.counts.total;
      if (this.unseen.value === 0 && total !== undefined && this.rows) {
        this.rows.resize(total);
        this.#changed();
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  #readMissing(): void {
    const { rows } = this;
    if (!rows || !this.#isShown) return;
    const { first, last } = this.#wanted;
    const start = rows.missingFrom(first - READ_AHEAD, last + READ_AHEAD, PAGE_ROWS);
    if (start === undefined) return;
    if (this.#reading) {
      const isWanted = this.#reading.start <= last && this.#reading.start + PAGE_ROWS > first;
      if (isWanted) return; // and then what is still missing
      this.#reading.aborting.abort();
    }
    void this.#readPage(rows, start);
  }

  async #readPage(rows: RowList, start: number): Promise<void> {
    const aborting = new AbortController();
    const reading = { start, aborting };
    this.#reading = reading;
    try {
      const page = await this.#read({ ...rows.whereFrom(start), limit: PAGE_ROWS }, aborting.signal);
      rows.place(start, page);
      const { value: total } = this.counts.total;
      if (total !== undefined && rows.length > total) this.#counting.soon(); // the hive's counts still catch up
      rows.forget({ around: start, rows: KEPT_ROWS });
      this.error.value = undefined;
      this.#changed();
    } catch (error) {
      if (this.#reading === reading) this.#reading = undefined;
      this.#failed(error);
      return;
    }
    if (this.#reading !== reading) return;
    this.#reading = undefined;
    this.#readMissing();
  }

  #read(where: { cursor?: string | undefined; skip?: number; limit: number }, signal: AbortSignal): Promise<Page> {
    const { filters, order } = this.choice;
    return ask(hive.GET('/v1/swarm/attempts', { params: { query: { ...queryOf(filters), order, ...where } }, signal }));
  }

  #failed(error: unknown): void {
    if (error instanceof DOMException && error.name === 'AbortError') return;
    this.error.value = error instanceof Error ? error : new Error(String(error));
  }
}

/** @returns the row's place after rows have come or gone */
function found({ index, id }: Current, rows: RowList): Current | undefined {
  const there = rows.at(index)?.id;
  if (id === undefined || id === there) return { index, id: there };
  const elsewhere = rows.indexOf(id);
  return elsewhere === -1 ? undefined : { index: elsewhere, id };
}

/** Whether a filter or a count may see the attempt otherwise than before. */
function isElsewhere(former: Attempt, attempt: Attempt): boolean {
  const fields = ['status', 'sync_state', 'title', 'command', 'branch', 'executor', 'created_at'] as const;
  return fields.some((field) => former[field] !== attempt[field]);
}

let current: { key: string; list: AttemptList } | undefined;

/**
 * @param key says whose list it is, and what is in it
 * @returns the list; the same one as before for the same key, so that who comes back finds the place again
 */
export function attemptListOf(key: string, choice: Choice): AttemptList {
  if (current?.key !== key) {
    current?.list.end();
    current = { key, list: new AttemptList(choice) };
  }
  return current.list;
}

effect(() => {
  if (session.value !== null) return;
  current?.list.end();
  current = undefined;
});
