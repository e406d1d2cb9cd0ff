/** The hive's answer to a search in all attempts, taken in while it is still being written. */
import type { Schemas } from '../../api/client/client.js';
import { ask, hive } from '../hive/client.js';
import { readNdjson } from '../hive/read-ndjson.js';
import { askedOfHive, type SearchQuery } from './search-query.js';

export type FoundAttempt = Schemas['FoundAttempt'];
/** What comes after everything that was found. */
export type SearchRest = Omit<Schemas['SearchAllPage'], 'attempts'>;

export type SearchEvent = { found: FoundAttempt } | { rest: SearchRest };

/**
 * The last event is the rest, unless the answer was cut off.
 * @throws HiveApiError, CutOffError; an error of the network if no hive answers
 */
export async function* searchAll(
  query: SearchQuery,
  cursor: string | null,
  signal: AbortSignal,
): AsyncGenerator<SearchEvent, void> {
  const body = await ask(
    hive.GET('/v1/search', {
      params: { query: askedOfHive(query, cursor) },
      headers: { accept: 'application/x-ndjson' },
      parseAs: 'stream',
      signal,
    }),
  );
  for await (const lines of readNdjson<FoundAttempt | SearchRest>(new Response(body))) {
    for (const line of lines) {
      if (isFound(line)) yield { found: line };
      else {
        yield { rest: line };
        return;
      }
    }
  }
}

/** Only the last line has no attempt. */
const isFound = (line: FoundAttempt | SearchRest): line is FoundAttempt => 'attempt' in line;
