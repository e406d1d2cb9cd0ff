import { z } from 'zod';
import { limitsOf, type AppDependencies } from '../dependencies.js';
import { decodeCursor, isForwardCursor, LOG_START } from '../logs/cursor.js';
import { downloadLog } from '../logs/download-log.js';
import { FileIndex } from '../logs/file-index.js';
import { LogFollower } from '../logs/log-follower.js';
import { encodeEntries, readLogPage } from '../logs/log-reader.js';
import { streamLog } from '../logs/stream-log.js';
import type { OpenStreams } from '../open-streams.js';
import { invalidCursor } from '../problem.js';
import { Recheck } from '../recheck.js';
import { answer, route, WRITTEN, type Route } from '../route.js';
import { uuid } from '../../protocol/uuid.js';
import { downloadQuery, logPage, logQuery, streamQuery, type LogPage } from '../schemas/log.js';

const tag = 'logs';
const params = z.strictObject({ id: uuid });

export function logRoutes(deps: AppDependencies, streams: OpenStreams): Route[] {
  return [logPageRoute, streamRoute(deps, streams), downloadRoute(deps)];
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

function streamRoute(deps: AppDependencies, streams: OpenStreams): Route {
  const limits = limitsOf(deps);
  const follower = new LogFollower(deps.database, deps.logger, limits.followIntervalMs);
  return route({
    method: 'get',
    path: '/v1/swarm/attempts/{id}/logs/stream',
    operationId: 'streamLogs',
    tag,
    summary: 'An attempt’s log as server-sent events, including new lines as it grows',
    description:
      'One event per entry. Its id is a cursor, from which Last-Event-ID (or `cursor`) resumes. A comment is sent every ' +
      '15 s to show that the stream is alive. The last event says why the stream ends: `event: end`, nothing ' +
      'more will come; `event: cut_off`, the reader took nothing for 30 s; `event: failed`, another reason. No event is ' +
      'called `error`, which is what an EventSource calls a lost connection. A stream that is resumed after its end is ' +
      'answered 204, so that an EventSource does not come back again.',
    access: 'viewer',
    params,
    query: streamQuery,
    responses: {
      200: { description: 'The events.', contentType: 'text/event-stream' },
      204: { description: 'The reader has had every line, and no more will come.' },
    },
    errors: ['not_found', 'invalid_cursor', 'log_damaged', 'too_many_streams'],
    handle: async ({ scope, params: { id }, query, request, response, gone }) => {
      const { start, isResumed } = startOf(request.get('last-event-id'), query.cursor);
      await streams.run(gone, (signal) =>
        streamLog(follower, {
          scope,
          attemptId: id,
          filter: { executionId: query.execution_id, outputType: query.output_type },
          start,
          isResumed,
          request,
          response,
          signal,
          heartbeatMs: limits.streamHeartbeatMs,
          stallMs: limits.streamStallMs,
          recheck: new Recheck(deps, request, limits.streamHeartbeatMs),
        }),
      );
      return WRITTEN;
    },
  });
}

function startOf(lastEventId: string | undefined, cursor: string | undefined) {
  const text = lastEventId ?? cursor;
  if (text === undefined || text === '') return { start: LOG_START, isResumed: false };
  try {
    const start = decodeCursor(text);
    if (!isForwardCursor(start)) throw invalidCursor('must be a forward cursor');
    return { start, isResumed: true };
  } catch (error) {
    throw lastEventId === undefined ? error : invalidCursor(undefined, { in: 'header', field: 'last-event-id' });
  }
}

function downloadRoute(deps: AppDependencies): Route {
  const { streamHeartbeatMs } = limitsOf(deps);
  const index = new FileIndex();
  return route({
    method: 'get',
    path: '/v1/swarm/attempts/{id}/logs/download',
    operationId: 'downloadLogs',
    tag,
    summary: 'An attempt’s whole log, as far as it is stored, as a file',
    description:
      'Text (the content of the lines) or NDJSON (one entry per line), compressed with gzip if the client accepts it. ' +
      'The file of a log that can’t grow any more, and that of the address in Content-Location, is always the same: it ' +
      'has a strong ETag and can be continued with Range, uncompressed. Before its first range is sent, the hive makes ' +
      'the whole file once to know its size, or the rest of it where it sent the beginning.',
    access: 'viewer',
    params,
    query: downloadQuery,
    responses: {
      200: { description: 'The file.', contentType: 'application/octet-stream' },
      206: { description: 'The range of it.', contentType: 'application/octet-stream' },
      304: { description: 'The client has it already.' },
    },
    errors: ['not_found', 'invalid_cursor', 'conflict', 'precondition_failed', 'range_not_satisfiable', 'log_damaged'],
    handle: async ({ scope, params: { id }, query, request, response, gone }) => {
      const source = { scope, attemptId: id, executionId: query.execution_id };
      const { format, until } = query;
      const recheck = new Recheck(deps, request, streamHeartbeatMs);
      await downloadLog({ source, format, until, index, request, response, recheck, gone });
      return WRITTEN;
    },
  });
}
