import { z } from 'zod';
import { uuid } from '../../protocol/uuid.js';
import { limitsOf, type AppDependencies } from '../dependencies.js';
import { findLog, mayGrow } from '../logs/log-reader.js';
import { route, type Route } from '../route.js';
import { attemptSearchPage, attemptSearchQuery } from '../schemas/search.js';
import { answerSearch } from '../search/answer-search.js';
import { AttemptSearch } from '../search/attempt-search.js';
import { searcherOf } from '../search/pages-reader.js';
import type { SearchSlots } from '../search/search-slots.js';
import { searchStart } from '../search/search-walk.js';

/** @param slots shared by all routes that search */
export function searchInAttemptRoute(deps: AppDependencies, slots: SearchSlots): Route {
  const searcher = searcherOf(deps);
  const { searchMs } = limitsOf(deps);
  return route({
    method: 'get',
    path: '/v1/swarm/attempts/{id}/logs/search',
    operationId: 'searchLog',
    tag: 'logs',
    summary: 'The lines of an attempt’s log that match, with the lines around them',
    description:
      'The answer is written as matches are found: one JSON object, or with `Accept: application/x-ndjson` one match per ' +
      'line and a last line with the other members. It searches for 10 s at the longest; then `has_more` is true and ' +
      '`next_cursor` says where to go on.',
    access: 'viewer',
    searches: true,
    params: z.strictObject({ id: uuid }),
    query: attemptSearchQuery,
    responses: { 200: attemptSearchPage },
    errors: ['not_found', 'invalid_cursor'],
    handle: async ({ scope, params: { id: attemptId }, query: asked, ...context }) => {
      const { q, regex, ignore_case: ignoreCase, limit, context: linesAround, cursor, direction } = asked;
      const query = { q, regex, ignoreCase, words: false };
      const filter = { executionId: asked.execution_id, outputType: asked.output_type };
      const startWalk = searchStart(direction, cursor);
      const totals = await findLog(scope, attemptId, filter);
      return answerSearch(deps, {
        ...{ context, slots, searcher, query, member: 'matches', searchMs },
        async start(ends) {
          const walk = await startWalk(scope, attemptId, filter);
          const what = { scope, searcher, filter, query, limit, context: linesAround };
          const search = new AttemptSearch(walk, { ...what, ...ends });
          const rest = () => {
            const { hasMore, lines, damaged } = search;
            return {
              next_cursor: hasMore || (direction === 'forward' && mayGrow(totals)) ? walk.cursor() : null,
              has_more: hasMore,
              looked_through: { lines, of: Number(totals.lines) },
              damaged,
            };
          };
          return { found: search.run(), rest };
        },
      });
    },
  });
}
