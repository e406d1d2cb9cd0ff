/** Searches consecutive pages of one execution. Runs in a thread: what it takes and returns is plain data. */
import {
  encodeLine,
  PageError,
  parseLine,
  type EncodedLine,
  type NumberedPage,
  type OutputType,
} from '../protocol/page.js';
import { toByteRanges } from './byte-ranges.js';
import { LazyPage } from './lazy-page.js';
import { linesAround, type LinesAround } from './lines-around.js';
import type { Matcher, Range } from './matcher.js';
import { usualContent } from './usual-content.js';

/** Pages, which of their lines are searched, and how much of what is found is returned. */
export interface SearchedPart {
  /** In the direction's order. */
  pages: NumberedPage[];
  direction: 'forward' | 'backward';
  /** Both inclusive; other lines of the pages are only shown around a match. */
  fromSeq: number;
  toSeq: number;
  outputType?: OutputType | undefined;
  /** How many matching lines are returned. */
  limit: number;
  /** Stops after this many matching lines; those above the limit are only counted. @default the limit */
  countTo?: number;
  /** How many lines before and after each match. */
  context: number;
  /** Stops when this time is over. @format ms */
  maxMs: number;
  /** Stops when the returned lines have this many characters. */
  maxCharacters: number;
}

export interface MatchingLine extends EncodedLine, LinesAround {
  /** Byte offsets in the content's UTF-8, at most {@link MAX_RANGES}. */
  ranges: Range[];
}

export interface Lines {
  firstSeq: number;
  lastSeq: number;
}

export interface FoundInPart {
  matches: MatchingLine[];
  /** Matching lines, including those that are not returned. */
  count: number;
  /** The last line that was looked at, in the direction; undefined if none was. */
  lookedTo: number | undefined;
  /** Whether that is the end of the part. */
  isDone: boolean;
  /** Lines that could not be searched. */
  damaged: Lines[];
}

/** Of one line. */
export const MAX_RANGES = 100;

/** @param giveWay called before each line: it may wait for others */
export function searchPages(matcher: Matcher, part: SearchedPart, giveWay = goOn): FoundInPart {
  const search = new PartSearch(matcher, part, giveWay);
  search.run();
  return search.found;
}

const goOn = (): void => undefined;

class PartSearch {
  readonly found: FoundInPart = { matches: [], count: 0, lookedTo: undefined, isDone: false, damaged: [] };
  readonly #matcher: Matcher;
  readonly #part: SearchedPart;
  readonly #giveWay: () => void;
  readonly #pages: LazyPage[];
  readonly #end: number;
  #characters = 0;

  constructor(matcher: Matcher, part: SearchedPart, giveWay: () => void) {
    this.#matcher = matcher;
    this.#part = part;
    this.#giveWay = giveWay;
    this.#pages = part.pages.map((page) => new LazyPage(page));
    this.#end = performance.now() + part.maxMs;
  }

  run(): void {
    for (const page of this.#pages) if (this.#isOver() || !this.#searchPage(page)) return;
    this.found.isDone = true;
  }

  /** @returns whether it was looked at to its end */
  #searchPage(page: LazyPage): boolean {
    const forward = this.#part.direction === 'forward';
    const firstSeq = Math.max(page.firstSeq, this.#part.fromSeq);
    const lastSeq = Math.min(page.lastSeq, this.#part.toSeq);
    let lines: string[] = [];
    this.#giveWay();
    try {
      const text = page.open();
      if (this.#matcher.mayMatchPage(text)) lines = text.lines;
    } catch (error) {
      if (!(error instanceof PageError)) throw error;
      this.#noteDamaged({ firstSeq, lastSeq });
    }
    for (let index = 0; lines.length > 0 && index <= lastSeq - firstSeq; index++) {
      // opening a page can take all the time: at least one line is looked at, so that every answer comes further
      if (index > 0 && this.#isOver()) return false;
      this.#giveWay();
      const seq = forward ? firstSeq + index : lastSeq - index;
      this.#searchLine(seq, lines[seq - page.firstSeq] ?? '');
      this.found.lookedTo = seq;
    }
    this.found.lookedTo = forward ? lastSeq : firstSeq;
    return true;
  }

  #searchLine(seq: number, json: string): void {
    if (!this.#matcher.mayMatchLine(json)) return;
    const usual = usualContent(json);
    if (usual !== undefined && this.#matcher.rangesIn(usual, 1).length === 0) return;
    try {
      const line = parseLine(json, seq);
      const { outputType, limit, context } = this.#part;
      if (outputType !== undefined && line.output_type !== outputType) return;
      const ranges = this.#matcher.rangesIn(line.content, MAX_RANGES);
      if (ranges.length === 0 || this.found.count++ >= limit) return;
      const around = linesAround(this.#pages, seq, context);
      const match = { seq, json: encodeLine(line), ranges: toByteRanges(line.content, ranges), ...around };
      this.found.matches.push(match);
      for (const { json: shown } of [match, ...match.before, ...match.after]) this.#characters += shown.length;
    } catch (error) {
      if (!(error instanceof PageError)) throw error;
      this.#noteDamaged({ firstSeq: seq, lastSeq: seq });
    }
  }

  #noteDamaged(lines: Lines): void {
    const last = this.found.damaged.at(-1);
    if (last?.lastSeq === lines.firstSeq - 1) last.lastSeq = lines.lastSeq;
    else if (last?.firstSeq === lines.lastSeq + 1) last.firstSeq = lines.firstSeq;
    else this.found.damaged.push(lines);
  }

  #isOver(): boolean {
    const { limit, countTo = limit, maxCharacters } = this.#part;
    return this.found.count >= countTo || this.#characters >= maxCharacters || performance.now() >= this.#end;
  }
}
