import { z } from 'zod';
import { limitsOf, type AppDependencies } from '../dependencies.js';
import { logStreams } from '../metrics.js';
import { decodeCursor, isForwardCursor, LOG_START } from '../logs/cursor.js';
import { downloadLog } from '../logs/download-log.js';
import { LogFollower } from '../logs/log-follower.js';
import { encodeEntries, readLogPage } from '../logs/log-reader.js';
import { streamLog } from '../logs/stream-log.js';
import { ApiError, invalidCursor } from '../problem.js';
import { Recheck } from '../recheck.js';
import { answer, route, WRITTEN, type Route } from '../route.js';
import { uuid } from '../../protocol/uuid.js';
import { downloadQuery, logPage, logQuery, streamQuery, type LogPage } from '../schemas/log.js';

const tag = 'logs';
const params = z.strictObject({ id: uuid });

export function logRoutes(deps: AppDependencies): Route[] {
  return [logPageRoute, streamRoute(deps), downloadRoute(deps)];
}

const logPageRoute = route({
  method: 'get',
  path: '/v1/swarm/attempts/{id}/logs',
  operationId: 'getLogs',
  tag,
  summary: 'An attempt’s log, a page at a time',
  description:
    'Ordered by execution, then by line. A cursor is valid only with the filters and direction that it was given for.',
  access: 'viewer',
  params,
  query: logQuery,
  responses: { 200: logPage },
  errors: ['not_found', 'invalid_cursor', 'log_damaged'],
  handle: async ({ scope, params: { id }, query }) => {
    const { limit, cursor, direction } = query;
    const filter = { executionId: query.execution_id, outputType: query.output_type };
    const page = await readLogPage(scope, id, { filter, cursor, direction, limit });
    const { entries, nextCursor, hasMore, totalCount } = page;
    const rest = { next_cursor: nextCursor, has_more: hasMore, total_count: totalCount };
    return answer(200, encodeEntries<LogPage>(entries, rest));
  },
});

function streamRoute(deps: AppDependencies): Route {
  const limits = limitsOf(deps);
  const follower = new LogFollower(deps.database, deps.logger, limits.followIntervalMs);
  const open = new Set<AbortController>();
  deps.stopping?.addEventListener('abort', () => {
    for (const stream of open) stream.abort();
  });
  return route({
    method: 'get',
    path: '/v1/swarm/attempts/{id}/logs/stream',
    operationId: 'streamLogs',
    tag,
    summary: 'An attempt’s log as server-sent events, including new lines as it grows',
    description:
      'One event per entry. Its id is a cursor, from which Last-Event-ID (or `cursor`) resumes. A comment is sent every ' +
      '15 s to show that the stream is alive. The last event says why the stream ends: `event: end`, nothing ' +
      'more will come; `event: cut_off`, the reader took nothing for 30 s; `event: error`, another reason.',
    access: 'viewer',
    params,
    query: streamQuery,
    responses: { 200: { description: 'The events.', contentType: 'text/event-stream' } },
    errors: ['not_found', 'invalid_cursor', 'log_damaged', 'too_many_streams'],
    handle: async ({ scope, params: { id }, query, request, response, gone }) => {
      const start = startOf(request.get('last-event-id'), query.cursor);
      if (request.method === 'HEAD') {
        response.status(200).type('text/event-stream').end();
        return WRITTEN;
      }
      if (open.size >= limits.streams || deps.stopping?.aborted) {
        throw new ApiError('too_many_streams', `this hive has ${limits.streams} open streams; try again later`, {
          headers: { 'retry-after': '10' },
        });
      }
      const ended = new AbortController();
      open.add(ended);
      logStreams.set(open.size);
      gone.addEventListener('abort', () => ended.abort());
      try {
        await streamLog(follower, {
          scope,
          attemptId: id,
          filter: { executionId: query.execution_id, outputType: query.output_type },
          start,
          response,
          signal: ended.signal,
          heartbeatMs: limits.streamHeartbeatMs,
          stallMs: limits.streamStallMs,
          recheck: new Recheck(deps, request, limits.streamHeartbeatMs),
        });
      } finally {
        open.delete(ended);
        logStreams.set(open.size);
      }
      return WRITTEN;
    },
  });
}

function startOf(lastEventId: string | undefined, cursor: string | undefined) {
  const text = lastEventId ?? cursor;
  if (text === undefined || text === '') return LOG_START;
  try {
    const start = decodeCursor(text);
    if (!isForwardCursor(start)) throw invalidCursor('must be a forward cursor');
    return start;
  } catch (error) {
    throw lastEventId === undefined ? error : invalidCursor(undefined, { in: 'header', field: 'last-event-id' });
  }
}

function downloadRoute(deps: AppDependencies): Route {
  const { streamHeartbeatMs } = limitsOf(deps);
  return route({
    method: 'get',
    path: '/v1/swarm/attempts/{id}/logs/download',
    operationId: 'downloadLogs',
    tag,
    summary: 'An attempt’s whole log, as far as it is stored, as a file',
    description:
      'Text (the content of the lines) or NDJSON (one entry per line), compressed with gzip if the client accepts it.',
    access: 'viewer',
    params,
    query: downloadQuery,
    responses: { 200: { description: 'The file.', contentType: 'application/octet-stream' } },
    errors: ['not_found', 'log_damaged'],
    handle: async ({ scope, params: { id }, query, request, response }) => {
      const filter = { executionId: query.execution_id };
      const recheck = new Recheck(deps, request, streamHeartbeatMs);
      await downloadLog({ scope, attemptId: id, filter, format: query.format, request, response, recheck });
      return WRITTEN;
    },
  });
}
