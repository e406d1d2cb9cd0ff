/** Searches the log of one attempt, a bounded part of it for each answer. */
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import type { LogFilter } from '../../prisma/queries/read-log.js';
import type { FoundInPart, MatchingLine } from '../../search/search-pages.js';
import type { SearchQuery } from '../../search/search-query.js';
import type { Searcher } from '../../search/searcher.js';
import { searchedPages } from '../metrics.js';
import { MAX_CHARACTERS } from '../logs/read-budget.js';
import { ahead } from './ahead.js';
import { MAX_DAMAGED, partMs, type DamagedLines, type SearchEnds } from './answer-bounds.js';
import { addLinesOutside } from './lines-outside.js';
import { logParts, type LogPart } from './log-parts.js';
import { matchJson } from './match-json.js';
import type { SearchWalk } from './search-walk.js';

export interface AttemptSearchOptions extends SearchEnds {
  scope: OrganizationScope;
  searcher: Searcher;
  filter: LogFilter;
  query: SearchQuery;
  limit: number;
  context: number;
}

const PARTS_AHEAD = 6;

export class AttemptSearch {
  readonly damaged: DamagedLines[] = [];
  /** Lines that have been looked at. */
  lines = 0;
  /** Whether there are lines now that have not been looked at. */
  hasMore = false;
  readonly #options: AttemptSearchOptions;
  readonly #walk: SearchWalk;
  #matches = 0;
  #characters = 0;

  constructor(walk: SearchWalk, options: AttemptSearchOptions) {
    this.#walk = walk;
    this.#options = options;
  }

  /**
   * Looks through the log until the answer is full.
   * @returns the matches as they are found, as JSON: those of a part together
   */
  async *run(): AsyncGenerator<string[]> {
    const { scope, filter, context } = this.#options;
    const parts = logParts(scope, this.#walk, filter.outputType);
    for await (const { part, found } of ahead(parts, PARTS_AHEAD, (part) => this.#search(part))) {
      if (!this.#walk.admits(part.execution)) return;
      const { matches, lookedTo, isDone } = this.#take(part, found);
      const texts: string[] = [];
      for (const match of matches) {
        if (context > 0) await addLinesOutside(scope, part.execution, match, context);
        texts.push(matchJson(part.execution, match));
      }
      if (lookedTo !== undefined) this.#walk.looked(part.execution, lookedTo);
      if (texts.length > 0) yield texts;
      if (!isDone || this.#isOver()) {
        this.hasMore = this.#walk.isUnfinished();
        return;
      }
    }
    this.#walk.end();
    this.hasMore = this.#walk.more;
  }

  async #search(part: LogPart): Promise<{ part: LogPart; found: FoundInPart }> {
    const { scope, searcher, query, filter, limit, context, deadline, signal } = this.#options;
    const found = await searcher.search(
      query,
      {
        organizationId: scope.organizationId,
        executionId: part.execution.id,
        ranges: [{ firstSeq: part.fromSeq, lastSeq: part.toSeq }],
        read: part.read,
        direction: this.#walk.direction,
        outputType: filter.outputType,
        limit: limit - this.#matches,
        context,
        maxMs: partMs(deadline),
        maxCharacters: MAX_CHARACTERS - this.#characters,
      },
      signal,
    );
    searchedPages.inc(found.pages);
    return { part, found };
  }

  /** A part was searched before it was known how much is found before it, so the answer may end within it. */
  #take(part: LogPart, found: FoundInPart): Pick<FoundInPart, 'matches' | 'lookedTo' | 'isDone'> {
    const matches: MatchingLine[] = [];
    let { lookedTo, isDone } = found;
    for (const match of found.matches) {
      if (this.#isFull()) {
        lookedTo = matches.at(-1)?.seq;
        isDone = false;
        break;
      }
      matches.push(match);
      this.#matches++;
      for (const { json } of [match, ...match.before, ...match.after]) this.#characters += json.length;
    }
    if (lookedTo === undefined) return { matches, lookedTo, isDone };
    const [first, last] = this.#walk.direction === 'forward' ? [part.fromSeq, lookedTo] : [lookedTo, part.toSeq];
    this.lines += last - first + 1;
    for (const { firstSeq, lastSeq } of found.damaged) {
      if (lastSeq < first || firstSeq > last) continue;
      this.damaged.push({ execution_id: part.execution.id, first_seq: firstSeq, last_seq: lastSeq });
    }
    return { matches, lookedTo, isDone };
  }

  #isFull(): boolean {
    return this.#matches >= this.#options.limit || this.#characters >= MAX_CHARACTERS;
  }

  #isOver(): boolean {
    const { deadline, ends } = this.#options;
    const isEnded = ends.some((end) => end?.aborted === true);
    return this.#isFull() || isEnded || this.damaged.length >= MAX_DAMAGED || performance.now() >= deadline;
  }
}
