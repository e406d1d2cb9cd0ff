import { RE2JS, RE2JSException } from 're2js';
import type { Matcher, Range } from './matcher.js';
import { QueryError, type SearchQuery } from './search-query.js';

/** At worst, where the pattern is too ambiguous for a deterministic automaton, the time is the content's length times this. */
const MAX_INSTRUCTIONS = 2000;
/** A counted repetition multiplies what it repeats, before the size is known. */
const COUNTED = /\{\d+(?:,\d*)?\}/g;
const MAX_COUNTED = 20;

/**
 * Finds a regular expression in RE2's syntax, in time linear in the content.
 * @throws QueryError if it is not valid, or too large
 */
export function regexMatcher({ q, ignoreCase }: Pick<SearchQuery, 'q' | 'ignoreCase'>): Matcher {
  const pattern = compile(q, ignoreCase);
  return {
    mayMatchPage: () => true,
    mayMatchLine: () => true,
    rangesIn(content, max) {
      const ranges: Range[] = [];
      if (!pattern.test(content)) return ranges;
      const matcher = pattern.matcher(content);
      while (ranges.length < max && matcher.find()) ranges.push([matcher.start(), matcher.end()]);
      return ranges;
    },
  };
}

function compile(q: string, ignoreCase: boolean): RE2JS {
  if ((q.match(COUNTED)?.length ?? 0) > MAX_COUNTED) throw tooLarge();
  let pattern: RE2JS;
  try {
    pattern = RE2JS.compile(q, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
  } catch (error) {
    if (error instanceof RE2JSException) throw new QueryError(`is not a regular expression of RE2: ${reason(error)}`);
    throw error;
  }
  if (pattern.programSize() > MAX_INSTRUCTIONS) throw tooLarge();
  return pattern;
}

function tooLarge(): QueryError {
  return new QueryError('is too large a regular expression: repeat less often');
}

/** The message without what it quotes of the pattern. */
function reason({ message }: RE2JSException): string {
  return message.replace(/^error parsing regexp: /, '').replace(/: `[^]*$/, '');
}
