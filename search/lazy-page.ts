import { PageError, type NumberedPage } from '../protocol/page.js';
import { PageText } from './page-text.js';

/** A page that is opened when it is needed: to be searched, or for the lines around a match in the next one. */
export class LazyPage {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly #page: NumberedPage;
  #text: PageText | undefined;

  constructor(page: NumberedPage) {
    this.#page = page;
    this.firstSeq = page.firstSeq;
    this.lastSeq = page.lastSeq;
  }

  /** @throws PageError if it is damaged */
  open(): PageText {
    return (this.#text ??= PageText.open(this.#page));
  }

  /** @returns the line's JSON; undefined if the page is damaged */
  lineAt(seq: number): string | undefined {
    try {
      return this.open().lines[seq - this.firstSeq];
    } catch (error) {
      if (error instanceof PageError) return undefined;
      throw error;
    }
  }
}
