import { foldedMatcher } from './folded-matcher.js';
import { literalMatcher } from './literal-matcher.js';
import type { Matcher } from './matcher.js';
import { regexMatcher } from './regex-matcher.js';
import type { SearchQuery } from './search-query.js';

/**
 * To be called in a thread: a regular expression can take long.
 * @throws QueryError if it can't be searched for
 */
export function compileQuery(query: SearchQuery): Matcher {
  if (query.regex) return regexMatcher(query);
  return query.ignoreCase ? foldedMatcher(query) : literalMatcher(query);
}
