/** Searches the logs of all attempts, a bounded part of them for each answer. */
import { findAttempt, type AttemptRow } from '../../prisma/queries/find-attempt.js';
import type { CandidateLog } from '../../prisma/queries/search/find-pages.js';
import { MAX_CHARACTERS } from '../logs/read-budget.js';
import { ahead } from './ahead.js';
import { MAX_DAMAGED, type DamagedLines, type SearchEnds } from './answer-bounds.js';
import type { AllPlace } from './all-cursor.js';
import { CandidateSource, type CandidateGroup, type CandidateOptions } from './candidate-groups.js';
import { matchJson } from './match-json.js';
import { searchGroup, type GroupOptions, type SearchedCandidates } from './search-group.js';

export interface AllSearchOptions extends CandidateOptions, GroupOptions, SearchEnds {
  /** How many attempts. */
  limit: number;
}

export interface FoundAttempt {
  attempt: AttemptRow;
  /** Matching lines. */
  matches: number;
  /** There may be more. */
  isAtLeast: boolean;
  /** The first ones, as JSON. */
  first: string[];
}

const GROUPS_AHEAD = 4;
/** An attempt is counted up to this many matches, or lines of opened pages. */
const COUNTED = { matches: 10_000, lines: 50_000 };

/** What has been found of one attempt. */
interface Tally {
  log: Omit<CandidateLog, 'pages'>;
  matches: number;
  /** Of pages that were opened. */
  lines: number;
  isAtLeast: boolean;
  first: string[];
}

export class AllSearch {
  readonly damaged: DamagedLines[] = [];
  /** Where to go on; undefined if everything has been looked at. */
  place: AllPlace | undefined;
  readonly source: CandidateSource;
  readonly #options: AllSearchOptions;
  #tally: Tally | undefined;
  #found = 0;
  #characters = 0;

  constructor(options: AllSearchOptions) {
    this.#options = options;
    this.source = new CandidateSource(options);
  }

  /** @returns the attempts with matches, the newest first */
  async *run(): AsyncGenerator<FoundAttempt> {
    const work = async (group: CandidateGroup) => ({ group, results: await searchGroup(this.#options, group.parts) });
    for await (const { group, results } of ahead(this.source.groups(), GROUPS_AHEAD, work)) {
      for (const result of results) {
        if (this.#tally && this.#tally.log.arrival !== result.log.arrival) {
          yield* this.#endAttempt();
          if (this.#isFull()) return;
        }
        if (!this.#take(result)) {
          yield* this.#endAttempt({ isCut: true });
          return;
        }
      }
      if (group.through !== undefined) {
        yield* this.#endAttempt();
        if (this.#isFull()) return;
        this.#goOnFrom(group.through);
      }
      if (this.#isOver()) {
        yield* this.#endAttempt({ isCut: true });
        return;
      }
    }
    this.place = undefined;
  }

  /** @returns false if the time was up before all of it was looked at */
  #take({ log, lines, count, matches, lookedTo, damaged }: SearchedCandidates): boolean {
    const tally = (this.#tally ??= { log, matches: 0, lines: 0, isAtLeast: false, first: [] });
    for (const { firstSeq, lastSeq } of damaged) {
      this.damaged.push({ execution_id: log.executionId, first_seq: firstSeq, last_seq: lastSeq });
    }
    if (tally.isAtLeast) return true;
    tally.matches += count;
    tally.lines += lines;
    for (const match of matches.slice(0, this.#options.first - tally.first.length)) {
      tally.first.push(matchJson({ id: log.executionId, ordinal: log.ordinal }, match));
    }
    if (lookedTo.seq > 0) this.#goOnFrom(log.arrival, { ordinal: log.ordinal, seq: lookedTo.seq });
    const isCounted = tally.matches >= COUNTED.matches || (tally.matches > 0 && tally.lines >= COUNTED.lines);
    if (isCounted) {
      tally.isAtLeast = true;
      this.source.skipped = log.arrival;
    }
    return lookedTo.isEnd || isCounted;
  }

  /** Ends what has been found of an attempt. Without matches, a search that is cut goes on within it. */
  async *#endAttempt({ isCut = false } = {}): AsyncGenerator<FoundAttempt> {
    const tally = this.#tally;
    if (!tally || (isCut && tally.matches === 0)) return;
    this.#tally = undefined;
    this.#goOnFrom(tally.log.arrival);
    if (tally.matches === 0) return;
    const attempt = await findAttempt(this.#options.scope, tally.log.attemptId);
    if (!attempt) return; // it was deleted meanwhile
    const { matches, isAtLeast, first } = tally;
    this.#found++;
    for (const line of first) this.#characters += line.length;
    yield { attempt, matches, isAtLeast: isAtLeast || isCut, first };
  }

  #goOnFrom(arrival: bigint, line?: AllPlace['line']): void {
    this.place = { newest: this.source.newest ?? arrival, arrival, line };
  }

  #isFull(): boolean {
    return this.#found >= this.#options.limit || this.#characters >= MAX_CHARACTERS;
  }

  #isOver(): boolean {
    const { deadline, ends } = this.#options;
    const isEnded = ends.some((end) => end?.aborted === true);
    return isEnded || this.damaged.length >= MAX_DAMAGED || performance.now() >= deadline;
  }
}
