import { hasUnusualEscape, hasUnusualEscapes, usualForm } from './json-form.js';
import type { Matcher, Range } from './matcher.js';
import type { SearchQuery } from './search-query.js';
import { isWhole } from './whole-words.js';

/** Finds a text in any case. V8's `iu` is Unicode's simple case folding, and in a mere text nothing backtracks. */
export function foldedMatcher({ q, words }: Pick<SearchQuery, 'q' | 'words'>): Matcher {
  const inJson = new RegExp(escaped(usualForm(q)), 'iu');
  const inContent = new RegExp(escaped(q), 'giu');
  return {
    mayMatchPage: (page) => inJson.test(page.text) || hasUnusualEscapes(page),
    mayMatchLine: (json) => inJson.test(json) || hasUnusualEscape(json),
    rangesIn(content, max) {
      const ranges: Range[] = [];
      inContent.lastIndex = 0;
      for (let match = inContent.exec(content); match && ranges.length < max; match = inContent.exec(content)) {
        const [from, to] = [match.index, match.index + match[0].length];
        const found = isWhole(content, from, to, words);
        if (found) ranges.push([from, to]);
        else inContent.lastIndex = from + ((content.codePointAt(from) ?? 0) > 0xffff ? 2 : 1);
      }
      return ranges;
    },
  };
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
