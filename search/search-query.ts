/** What is searched for, as plain data: it travels to the threads that search. */

export interface SearchQuery {
  /** A text, or a regular expression. */
  q: string;
  regex: boolean;
  /** Letters are equal if Unicode's simple case folding makes them equal. */
  ignoreCase: boolean;
  /** Only where `q` begins and ends at borders of words; a regular expression is found anywhere. */
  words: boolean;
}

/** In UTF-16 units. */
export const MAX_QUERY_LENGTH = 1000;

/** A query that can't be answered. `message` says why, to follow the field's name, and quotes no query. */
export class QueryError extends Error {
  override readonly name = 'QueryError';
}
