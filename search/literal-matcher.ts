import { hasUnusualEscape, hasUnusualEscapes, usualForm } from './json-form.js';
import type { Matcher, Range } from './matcher.js';
import type { SearchQuery } from './search-query.js';
import { isWhole } from './whole-words.js';

/** Finds a text as it is, code point by code point. */
export function literalMatcher({ q, words }: Pick<SearchQuery, 'q' | 'words'>): Matcher {
  const form = usualForm(q);
  const bytes = Buffer.from(form);
  return {
    mayMatchPage: (page) => page.raw.includes(bytes) || hasUnusualEscapes(page),
    mayMatchLine: (json) => json.includes(form) || hasUnusualEscape(json),
    rangesIn(content, max) {
      const ranges: Range[] = [];
      for (let from = content.indexOf(q); from >= 0 && ranges.length < max;) {
        const to = from + q.length;
        const found = isWhole(content, from, to, words);
        if (found) ranges.push([from, to]);
        from = content.indexOf(q, found ? to : from + 1);
      }
      return ranges;
    },
  };
}
