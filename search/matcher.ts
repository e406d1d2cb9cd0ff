import type { PageText } from './page-text.js';

/** From (inclusive) and to (exclusive), in UTF-16 units of the content. */
export type Range = [from: number, to: number];

/** Finds a query in lines. What is cheap to rule out, a page or a line, is ruled out before it is parsed. */
export interface Matcher {
  /** @returns false only if no line of the page matches */
  mayMatchPage(page: PageText): boolean;
  /** @returns false only if the line, in the form that it has in its page, does not match */
  mayMatchLine(json: string): boolean;
  /** @returns the first matches in a content, at most `max`, which do not overlap; none if the line does not match */
  rangesIn(content: string, max: number): Range[];
}
