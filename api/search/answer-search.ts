import type { SearchQuery } from '../../search/search-query.js';
import type { Searcher } from '../../search/searcher.js';
import { limitsOf, type AppDependencies } from '../dependencies.js';
import { Recheck } from '../recheck.js';
import { WRITTEN, type Context } from '../route.js';
import type { SearchEnds } from './answer-bounds.js';
import { MatchWriter } from './match-writer.js';
import { withSearchErrors } from './query-fields.js';
import type { SearchSlots } from './search-slots.js';
import { withWorkSignal } from './work-signal.js';

export interface RunningSearch {
  /** What is found, as JSON; what comes together is written together. */
  found: AsyncIterable<string[]>;
  /** @returns the other members of the answer, once nothing more is found */
  rest: () => object | Promise<object>;
}

interface AnswerOptions {
  context: Pick<Context<'viewer'>, 'principal' | 'request' | 'response' | 'gone'>;
  slots: SearchSlots;
  searcher: Searcher;
  query: SearchQuery;
  /** The name of the list of what is found. */
  member: string;
  /** How long it may take. @format ms */
  searchMs: number;
  start: (ends: SearchEnds) => RunningSearch | Promise<RunningSearch>;
}

/** Writes what a search finds while it goes on, in a slot of its own. @throws ApiError before anything is written */
export async function answerSearch(deps: AppDependencies, options: AnswerOptions): Promise<typeof WRITTEN> {
  const { context, slots, searcher, query, member, searchMs, start } = options;
  const { principal, request, response, gone } = context;
  const writer = new MatchWriter(request, response, member);
  if (request.method === 'HEAD') {
    response.status(200).end();
    return WRITTEN;
  }
  const recheck = new Recheck(deps, request, limitsOf(deps).streamHeartbeatMs);
  const answerIt = async (signal: AbortSignal): Promise<void> => {
    const deadline = performance.now() + searchMs;
    await searcher.check(query, signal);
    const { found, rest } = await start({ deadline, ends: [gone, deps.stopping], signal });
    for await (const items of found) {
      if (await recheck.isRefused()) response.destroy();
      if (!(await writer.write(items))) return;
    }
    if (!gone.aborted) await writer.end(await rest());
  };
  await slots.use(principal, () => withSearchErrors(query, () => withWorkSignal(gone, answerIt)));
  return WRITTEN;
}
