import type { Request, Response } from 'express';
import { write } from '../write-stream.js';

const NDJSON = 'application/x-ndjson';

/**
 * Writes an answer as its items are found: as one JSON object whose first member is their list, or, if the client
 * accepts application/x-ndjson, one item a line and at last a line with the other members.
 */
export class MatchWriter {
  readonly #response: Response;
  readonly #member: string;
  readonly #isNdjson: boolean;
  #isBegun = false;
  #hasItems = false;

  /** @param member the name of the list */
  constructor(request: Request, response: Response, member: string) {
    this.#response = response;
    this.#member = member;
    this.#isNdjson = request.accepts(['application/json', NDJSON]) === NDJSON;
    response.vary('accept').type(this.#isNdjson ? NDJSON : 'application/json');
  }

  /** @returns false if the reader has gone, or takes nothing any more */
  async write(items: readonly string[]): Promise<boolean> {
    const text = this.#begin() + this.#join(items);
    this.#hasItems ||= items.length > 0;
    if ((await write(this.#response, text)) === 'written') return true;
    this.#response.destroy();
    return false;
  }

  /** @param rest the other members */
  async end(rest: object): Promise<void> {
    const json = JSON.stringify(rest);
    const end = this.#isNdjson ? `${json}\n` : `],${json.slice(1)}`;
    if ((await write(this.#response, this.#begin() + end)) === 'written') this.#response.end();
    else this.#response.destroy();
  }

  #begin(): string {
    if (this.#isBegun) return '';
    this.#isBegun = true;
    this.#response.status(200);
    return this.#isNdjson ? '' : `{${JSON.stringify(this.#member)}:[`;
  }

  #join(items: readonly string[]): string {
    if (this.#isNdjson) return items.map((item) => `${item}\n`).join('');
    return `${this.#hasItems && items.length > 0 ? ',' : ''}${items.join(',')}`;
  }
}
