/** Asks the index, some attempts at a time, and cuts what may match into groups of pages that are opened together. */
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import type { AttemptFilter } from '../../prisma/queries/attempt-filter.js';
import {
  findCandidates,
  type CandidateLog,
  type CandidatePage,
  type WordProbe,
} from '../../prisma/queries/search/find-pages.js';
import type { AllPlace } from './all-cursor.js';

/** Consecutive candidates of one execution. */
export interface CandidatePart {
  log: Omit<CandidateLog, 'pages'>;
  pages: CandidatePage[];
  /** Lines before it have been looked at. */
  fromSeq: number;
}

export interface CandidateGroup {
  parts: CandidatePart[];
  /** If present, all attempts down to this one have been looked at when the group has been. */
  through?: bigint;
}

/** The first ones are small, so that the newest matches are there at once. */
const FIRST_ATTEMPTS = { withProbes: 500, without: 20 };
const MAX_ATTEMPTS = { withProbes: 32_000, without: 320 };
const GROWTH = 4;
/** The index is asked about no more pages at a time, as far as the last attempts tell: it answers within a second or two. */
const ASKED_PAGES = 40_000;
const FIRST_PAGES = 2;
const MAX_PAGES = 16;
/** Before gzip. */
const MAX_RAW_BYTES = 4 * 1024 * 1024;

export interface CandidateOptions {
  scope: OrganizationScope;
  filter: AttemptFilter;
  probes: readonly WordProbe[];
  start: AllPlace | undefined;
}

export class CandidateSource {
  /** How many pages the index was asked about. */
  pages = 0;
  newest: bigint | undefined;
  /** An attempt of which nothing more is wanted. */
  skipped: bigint | undefined;
  readonly #options: CandidateOptions;
  #parts: CandidatePart[] = [];
  #size = { pages: 0, rawBytes: 0 };
  #groupPages = FIRST_PAGES;

  constructor(options: CandidateOptions) {
    this.#options = options;
    this.newest = options.start?.newest;
  }

  /** The newest attempts first, their executions and lines in order. */
  async *groups(): AsyncGenerator<CandidateGroup> {
    const { scope, filter, probes, start } = this.#options;
    const kind = probes.length > 0 ? 'withProbes' : 'without';
    let limit = FIRST_ATTEMPTS[kind];
    let before = start && (start.line ? start.arrival + 1n : start.arrival);
    for (;;) {
      const found = await findCandidates(scope, { filter, before, limit, probes });
      const { logs, attempts, pages, newest, oldest } = found;
      this.newest ??= newest ?? undefined;
      this.pages += pages;
      for (const log of logs) yield* this.#groupsOf(log);
      if (oldest !== null) yield { parts: this.#takeParts(), through: oldest };
      if (oldest === null || attempts < limit) return;
      before = oldest;
      const fitting = Math.max(1, Math.floor((ASKED_PAGES * attempts) / Math.max(1, pages)));
      limit = Math.min(limit * GROWTH, MAX_ATTEMPTS[kind], fitting);
    }
  }

  *#groupsOf({ pages, ...log }: CandidateLog): Generator<CandidateGroup> {
    const fromSeq = this.#firstUnread(log);
    if (fromSeq === undefined) return;
    let part: CandidatePart | undefined;
    for (const page of pages) {
      if (page.lastSeq < fromSeq) continue;
      if (this.skipped === log.arrival) return;
      if (this.#isFull(page)) {
        yield { parts: this.#takeParts() };
        part = undefined;
      }
      if (!part) this.#parts.push((part = { log, pages: [], fromSeq }));
      part.pages.push(page);
      this.#size.pages++;
      this.#size.rawBytes += page.rawBytes;
    }
  }

  #isFull({ rawBytes }: CandidatePage): boolean {
    const { pages, rawBytes: before } = this.#size;
    return pages > 0 && (pages >= this.#groupPages || before + rawBytes > MAX_RAW_BYTES);
  }

  #takeParts(): CandidatePart[] {
    const parts = this.#parts;
    this.#parts = [];
    this.#size = { pages: 0, rawBytes: 0 };
    this.#groupPages = Math.min(this.#groupPages * 2, MAX_PAGES);
    return parts;
  }

  /** @returns undefined if the whole execution has been looked at */
  #firstUnread({ arrival, ordinal }: Omit<CandidateLog, 'pages'>): number | undefined {
    const { line, arrival: at } = this.#options.start ?? {};
    if (!line || arrival !== at || ordinal > line.ordinal) return 1;
    return ordinal < line.ordinal ? undefined : line.seq + 1;
  }
}
