/** The lines of a page's text, with the numbers they should have: checked on their way in, read on their way out. */
import { encodeLine, PageError, parseLine, type OutputType } from './page-line.js';
import { endOfAnyLine, endOfUsualLine, pageText, typeAt } from './usual-line.js';

/** What the lines of a page are, by output type. */
export type LineCounts = Record<OutputType, number>;

/**
 * Checks that `raw`, which must be UTF-8, holds `expected` lines.
 * @param firstSeq the first line's number, for the error
 * @throws PageError `bad_line` or `line_count`
 */
export function checkLines(raw: Buffer, firstSeq: number, expected: number): LineCounts {
  const counts: LineCounts = { stdout: 0, stderr: 0, system: 0 };
  const text = pageText(raw);
  let found = 0;
  for (let start = 0; start < raw.length; found++) {
    const type = typeAt(text, start);
    let end = type ? endOfUsualLine(text, start, type) : -1;
    if (type && end >= 0) counts[type]++;
    else {
      end = endOfAnyLine(text, start);
      counts[parseLine(raw.toString('utf8', start, end), firstSeq + found).output_type]++;
    }
    start = end + 1;
  }
  requireCount(found, firstSeq, expected);
  return counts;
}

/** @throws PageError `line_count` */
function requireCount(found: number, firstSeq: number, expected: number): void {
  if (found === expected) return;
  throw new PageError(
    'line_count',
    `page says ${expected} lines (${firstSeq}..${firstSeq + expected - 1}) and holds ${found}`,
  );
}

/** A line with the fields and the order that {@link encodeLine} gives it; its strings may be escaped otherwise. */
export interface EncodedLine {
  seq: number;
  json: string;
}

/** Which lines of a page. */
export interface WantedLines {
  /** Both inclusive. */
  fromSeq: number;
  toSeq: number;
  outputType?: OutputType | undefined;
}

/**
 * The wanted lines of `raw`, which must be UTF-8 and was checked when it was stored. They are not parsed: a reader
 * passes them on.
 * @throws PageError `bad_line` or `line_count`: the text is damaged
 */
export function readLines(raw: Buffer, firstSeq: number, expected: number, wanted: WantedLines): EncodedLine[] {
  const lines: EncodedLine[] = [];
  const text = pageText(raw);
  let seq = firstSeq;
  for (let start = 0; start < raw.length; seq++) {
    if (seq < wanted.fromSeq || seq > wanted.toSeq) {
      start = endOfAnyLine(text, start) + 1;
      continue;
    }
    let type = typeAt(text, start);
    let end = type ? endOfUsualLine(text, start, type) : -1;
    let json: string;
    if (end >= 0) json = raw.toString('utf8', start, end);
    else {
      end = endOfAnyLine(text, start);
      const line = parseLine(raw.toString('utf8', start, end), seq);
      type = line.output_type;
      json = encodeLine(line);
    }
    if (wanted.outputType === undefined || wanted.outputType === type) lines.push({ seq, json });
    start = end + 1;
  }
  requireCount(seq - firstSeq, firstSeq, expected);
  return lines;
}
