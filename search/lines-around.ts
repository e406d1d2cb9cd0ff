import { encodeLine, PageError, parseLine, splitContent, type EncodedLine } from '../protocol/page.js';
import type { LazyPage } from './lazy-page.js';

/** Both in the order of the lines. */
export interface LinesAround {
  before: EncodedLine[];
  after: EncodedLine[];
}

/** A longer content is cut when it is only shown around a match. In bytes of UTF-8. */
export const MAX_CONTENT_AROUND = 4096;

/** @returns the lines next to line `seq` as far as the pages have them, at most `context` on each side */
export function linesAround(pages: readonly LazyPage[], seq: number, context: number): LinesAround {
  return { before: collect(pages, seq, -1, context).reverse(), after: collect(pages, seq, 1, context) };
}

/** Ends where the pages end, or a line is damaged. */
function collect(pages: readonly LazyPage[], seq: number, step: 1 | -1, count: number): EncodedLine[] {
  const lines: EncodedLine[] = [];
  for (let at = seq + step; lines.length < count; at += step) {
    const json = pages.find((page) => page.firstSeq <= at && at <= page.lastSeq)?.lineAt(at);
    const line = json === undefined ? undefined : shortened(json, at);
    if (line === undefined) break;
    lines.push({ seq: at, json: line });
  }
  return lines;
}

/** @returns the line, as JSON with `cut` if its content was cut; undefined if it is damaged */
export function shortened(json: string, seq: number): string | undefined {
  try {
    const line = parseLine(json, seq);
    const [start = '', ...rest] = splitContent(line.content, MAX_CONTENT_AROUND);
    const encoded = encodeLine({ ...line, content: start });
    return rest.length === 0 ? encoded : `${encoded.slice(0, -1)},"cut":true}`;
  } catch (error) {
    if (error instanceof PageError) return undefined;
    throw error;
  }
}
