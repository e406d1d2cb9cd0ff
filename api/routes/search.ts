import { countSearchedPages } from '../../prisma/queries/search/find-pages.js';
import { probesOf } from '../../search/probes.js';
import { requiredWordsOf } from '../../search/required-words.js';
import { limitsOf, type AppDependencies } from '../dependencies.js';
import { route, type Route } from '../route.js';
import { attemptFilterOf } from '../schemas/attempt.js';
import { searchAllPage, searchAllQuery } from '../schemas/search-all.js';
import { decodeAllCursor, encodeAllCursor } from '../search/all-cursor.js';
import { AllSearch } from '../search/all-search.js';
import { answerSearch } from '../search/answer-search.js';
import type { CandidateOptions } from '../search/candidate-groups.js';
import { searcherOf } from '../search/pages-reader.js';
import type { SearchSlots } from '../search/search-slots.js';
import { attemptView } from '../views/attempt.js';

/** @param slots shared by all routes that search */
export function searchAllRoute(deps: AppDependencies, slots: SearchSlots): Route {
  const searcher = searcherOf(deps);
  const { searchMs } = limitsOf(deps);
  return route({
    method: 'get',
    path: '/v1/search',
    operationId: 'searchAll',
    tag: 'logs',
    summary: 'The attempts whose logs have matching lines, newest first',
    description:
      'Which attempts printed it, how often, and the first lines. The answer is written as they are found: one JSON object, ' +
      'or with `Accept: application/x-ndjson` one attempt per line and a last line with the other members. The filters ' +
      'are those of the list. Unless `wait_ms` says otherwise, it searches for 10 s at the longest.',
    access: 'viewer',
    searches: true,
    query: searchAllQuery,
    responses: { 200: searchAllPage },
    errors: ['invalid_cursor'],
    handle: ({ scope, query: asked, ...context }) => {
      const { q, regex, ignore_case: ignoreCase, limit, first, wait_ms: waitMs = searchMs } = asked;
      const query = { q, regex, ignoreCase, words: !regex && asked.match === 'word' };
      const start = asked.cursor === undefined ? undefined : decodeAllCursor(asked.cursor);
      const filter = attemptFilterOf({ ...asked, q: asked.title });
      const where: CandidateOptions = { scope, filter, probes: probesOf(requiredWordsOf(query)), start };
      return answerSearch(deps, {
        ...{ context, slots, searcher, query, member: 'attempts', searchMs: waitMs },
        start(ends) {
          const search = new AllSearch({ ...where, ...ends, searcher, query, limit, first });
          return { found: foundJson(search), rest: () => restOf(where, search) };
        },
      });
    },
  });
}

async function* foundJson(search: AllSearch): AsyncGenerator<string[]> {
  for await (const { attempt, matches, isAtLeast, first } of search.run()) {
    yield [
      `{"attempt":${JSON.stringify(attemptView(attempt))},"matches":${matches},"at_least":${isAtLeast},"first":[${first.join(',')}]}`,
    ];
  }
}

async function restOf(where: CandidateOptions, search: AllSearch) {
  const { place, damaged } = search;
  return {
    next_cursor: place ? encodeAllCursor(place) : null,
    complete: !place,
    looked_through: await lookedThrough(where, search),
    damaged,
  };
}

async function lookedThrough({ scope, filter, start }: CandidateOptions, { place, source }: AllSearch) {
  if (!place && !start) return { pages: source.pages, of: source.pages };
  const before = source.newest === undefined ? undefined : source.newest + 1n;
  const { pages: of, rest } = await countSearchedPages(scope, { filter, before }, place?.arrival ?? 0n);
  return { pages: of - rest, of };
}
