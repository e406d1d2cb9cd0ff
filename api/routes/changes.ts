import type { CatchUp } from '../feed/catch-up.js';
import { FeedFollower } from '../feed/feed-follower.js';
import { readChanges } from '../feed/read-changes.js';
import { streamChanges } from '../feed/stream-changes.js';
import { limitsOf, type AppDependencies } from '../dependencies.js';
import type { OpenStreams } from '../open-streams.js';
import { lastPosition } from '../../prisma/queries/feed/list-changes.js';
import { invalidCursor } from '../problem.js';
import { Recheck } from '../recheck.js';
import { answer, route, WRITTEN, type Context, type Route } from '../route.js';
import { changePage, changesQuery, changeStreamQuery } from '../schemas/change.js';
import { position } from '../schemas/common.js';

const tag = 'changes';
type Scope = Context<'viewer'>['scope'];

export function changeRoutes(deps: AppDependencies, streams: OpenStreams, catchUp: CatchUp): Route[] {
  return [pageRoute(catchUp), streamRoute(deps, streams, catchUp)];
}

function pageRoute(catchUp: CatchUp): Route {
  return route({
    method: 'get',
    path: '/v1/changes',
    operationId: 'listChanges',
    tag,
    summary: 'What has changed since a position',
    description:
      'Every change of an attempt (its metadata, its status, what the hive has of it, its deletion) has a position, ' +
      'higher than those of all changes before it. Whoever asks again and again with the last `next_position` misses ' +
      'none, over all hives, however late a node brings an attempt and whatever its clock says. Changes of one attempt ' +
      'in quick succession are told as one, with the attempt as it is when it is read.',
    access: 'viewer',
    query: changesQuery,
    responses: { 200: changePage },
    handle: async ({ scope, query }) => {
      await catchUp.now();
      const after = await positionOf(scope, query.after);
      const { changes, next, hasMore } = await readChanges(scope, after, query.limit);
      return answer(200, { changes, next_position: Number(next), has_more: hasMore });
    },
  });
}

function streamRoute(deps: AppDependencies, streams: OpenStreams, catchUp: CatchUp): Route {
  const { database, logger } = deps;
  const { followIntervalMs: intervalMs, streamHeartbeatMs: heartbeatMs, streamStallMs: stallMs } = limitsOf(deps);
  const follower = new FeedFollower({ database, logger, catchUp, intervalMs });
  return route({
    method: 'get',
    path: '/v1/changes/stream',
    operationId: 'streamChanges',
    tag,
    summary: 'What changes, as server-sent events',
    description:
      'One event for each change, with the same content as in `/v1/changes`. Its id is its position, from which ' +
      'Last-Event-ID (or `after`) resumes. A comment is sent every 15 s to show that the stream is alive. It ends only if ' +
      'the hive stops, the credential is no longer valid (`event: failed`), or the reader took nothing for 30 s ' +
      '(`event: cut_off`).',
    access: 'viewer',
    query: changeStreamQuery,
    responses: { 200: { description: 'The events.', contentType: 'text/event-stream' } },
    errors: ['invalid_cursor', 'too_many_streams'],
    handle: async ({ scope, query, request, response, gone }) => {
      const resumed = resumedAt(request.get('last-event-id'));
      await streams.run(gone, async (signal) => {
        await catchUp.now();
        const after = resumed ?? (await positionOf(scope, query.after));
        const recheck = new Recheck(deps, request, heartbeatMs);
        await streamChanges(follower, { scope, after, request, response, signal, heartbeatMs, stallMs, recheck });
      });
      return WRITTEN;
    },
  });
}

async function positionOf(scope: Scope, after: bigint | 'latest' | undefined): Promise<bigint> {
  return after === 'latest' ? lastPosition(scope) : (after ?? 0n);
}

function resumedAt(header: string | undefined): bigint | undefined {
  if (header === undefined || header === '') return undefined;
  const { success, data } = position.safeParse(header);
  if (!success) throw invalidCursor('is not a position', { in: 'header', field: 'last-event-id' });
  return data;
}
