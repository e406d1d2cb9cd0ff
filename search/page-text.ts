import { gunzipPageSync, PageError, type NumberedPage } from '../protocol/page.js';

/** A page's text, in the forms that a search needs, each made when it is first asked for. */
export class PageText {
  #text: string | undefined;
  #latin1: string | undefined;
  #lines: string[] | undefined;

  constructor(
    readonly firstSeq: number,
    readonly lastSeq: number,
    readonly raw: Buffer,
  ) {}

  /** @throws PageError if it is damaged */
  static open({ gzip, firstSeq, lastSeq }: NumberedPage): PageText {
    return new PageText(firstSeq, lastSeq, gunzipPageSync(gzip));
  }

  get text(): string {
    return (this.#text ??= this.raw.toString('utf8'));
  }

  /** Each byte as a character: quick to make, and enough to look for ASCII. */
  get latin1(): string {
    return (this.#latin1 ??= this.raw.toString('latin1'));
  }

  /**
   * Its lines, as JSON.
   * @throws PageError `line_count`
   */
  get lines(): string[] {
    if (this.#lines) return this.#lines;
    const lines = this.text.split('\n');
    if (lines.at(-1) === '') lines.pop();
    const expected = this.lastSeq - this.firstSeq + 1;
    if (lines.length !== expected) {
      throw new PageError('line_count', `page should have ${expected} lines but has ${lines.length}`);
    }
    return (this.#lines = lines);
  }
}
