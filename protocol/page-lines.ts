/** The lines of a page's NDJSON and the numbers they should have: checked when they come in, read when they go out. */
import { encodeLine, PageError, parseLine, type LogLine, type OutputType } from './page-line.js';
import { endOfAnyLine, endOfUsualLine, pageText, usualFormAt } from './usual-line.js';

/** How many lines of a page have which output type. */
export type LineCounts = Record<OutputType, number>;

/**
 * Checks that `raw`, which must be UTF-8, contains `expected` lines.
 * @param firstSeq the first line's number, for the error
 * @throws PageError `bad_line` or `line_count`
 */
export function checkLines(raw: Buffer, firstSeq: number, expected: number): LineCounts {
  let [stdout, stderr, system] = [0, 0, 0];
  const all = { fromSeq: firstSeq, toSeq: firstSeq + expected - 1 };
  walkLines(raw, firstSeq, expected, all, (_seq, type) => {
    if (type === 'stdout') stdout++;
    else if (type === 'stderr') stderr++;
    else system++;
  });
  return { stdout, stderr, system };
}

/** A line with the fields of {@link encodeLine} in the same order; its strings may be escaped differently. */
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
 * Reads the wanted lines of `raw`, which must be UTF-8 and was checked when it was stored. They are not parsed, because
 * a reader passes them on.
 * @throws PageError `bad_line` or `line_count` if the text is damaged
 */
export function readLines(raw: Buffer, firstSeq: number, expected: number, wanted: WantedLines): EncodedLine[] {
  const lines: EncodedLine[] = [];
  walkLines(raw, firstSeq, expected, wanted, (seq, type, start, end, parsed) => {
    if (wanted.outputType !== undefined && wanted.outputType !== type) return;
    lines.push({ seq, json: parsed ? encodeLine(parsed) : raw.toString('utf8', start, end) });
  });
  return lines;
}

/** @param parsed the line, if it does not have the usual form */
type VisitLine = (seq: number, type: OutputType, start: number, end: number, parsed?: LogLine) => void;

/**
 * Visits the lines of a range, in order; the others are only counted.
 * @throws PageError `bad_line` or `line_count`
 */
function walkLines(
  raw: Buffer,
  firstSeq: number,
  expected: number,
  { fromSeq, toSeq }: WantedLines,
  visit: VisitLine,
): void {
  const text = pageText(raw);
  let seq = firstSeq;
  for (let start = 0, end: number; start < raw.length; start = end + 1, seq++) {
    if (seq < fromSeq || seq > toSeq) {
      end = endOfAnyLine(text, start);
      continue;
    }
    const form = usualFormAt(text, start);
    end = form ? endOfUsualLine(text, start, form) : -1;
    if (form && end >= 0) visit(seq, form.type, start, end);
    else {
      end = endOfAnyLine(text, start);
      const parsed = parseLine(raw.toString('utf8', start, end), seq);
      visit(seq, parsed.output_type, start, end, parsed);
    }
  }
  const found = seq - firstSeq;
  if (found === expected) return;
  const range = `${firstSeq}..${firstSeq + expected - 1}`;
  throw new PageError('line_count', `page should have ${expected} lines (${range}) but has ${found}`);
}
