/** An attempt's log as server-sent events: what is stored, then new lines as they are stored, until the log ends. */
import type { Request, Response } from 'express';
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import type { LogFilter } from '../../prisma/queries/read-log.js';
import { ApiError } from '../problem.js';
import type { Recheck } from '../recheck.js';
import { encodeCursor, type ForwardCursor } from './cursor.js';
import { EventStream } from './event-stream.js';
import type { FollowedRead, LogFollower } from './log-follower.js';
import { mayGrow } from './log-reader.js';

export interface StreamOptions {
  scope: OrganizationScope;
  attemptId: string;
  filter: LogFilter;
  start: ForwardCursor;
  /** The reader has been here before: if nothing more will come, it is told not to come again. */
  isResumed: boolean;
  request: Request;
  response: Response;
  /** Aborted when the reader goes away or the process stops. */
  signal: AbortSignal;
  heartbeatMs: number;
  stallMs: number;
  recheck: Recheck;
}

export async function streamLog(follower: LogFollower, options: StreamOptions): Promise<void> {
  const { attemptId, response, stallMs } = options;
  const stream = new EventStream(response, stallMs);
  const unfollow = follower.follow(attemptId);
  try {
    const end = await follow(follower, stream, options);
    if (end?.reason === 'complete') stream.end('end', { reason: end.reason }, encodeCursor(end.cursor));
    else if (end) stream.end('failed', { reason: end.reason });
  } finally {
    unfollow();
  }
}

interface StreamEnd {
  /** `complete`, or the code of what went wrong. */
  reason: string;
  cursor: ForwardCursor;
}

/** @returns why the stream ends; undefined if it has ended already, or the reader has gone */
async function follow(
  follower: LogFollower,
  stream: EventStream,
  options: StreamOptions,
): Promise<StreamEnd | undefined> {
  const { scope, attemptId, filter, signal, heartbeatMs, recheck } = options;
  let cursor = options.start;
  for (let opened = false; ; opened = true) {
    const version = follower.version(attemptId);
    const read = await readOrReason(() => follower.read(scope, attemptId, cursor, filter), opened);
    if (typeof read === 'string') return { reason: read, cursor };
    if (!opened) {
      const isAnswered = answerWithoutEvents(stream, read, options);
      if (isAnswered) return undefined;
      stream.open();
    }
    for (const piece of read.events) {
      if (await recheck.isRefused()) return { reason: 'unauthenticated', cursor };
      if (!(await stream.write(piece))) return undefined;
    }
    cursor = read.cursor;
    if (read.hasMore) continue;
    if (!mayGrow(read.totals)) return { reason: 'complete', cursor };
    while (follower.version(attemptId) === version) {
      await follower.changed(attemptId, version, heartbeatMs, signal);
      if (signal.aborted) return stream.closed ? undefined : { reason: 'stopping', cursor };
      if (follower.version(attemptId) !== version) break;
      if (await recheck.isRefusedNow()) return { reason: 'unauthenticated', cursor };
      if (!(await stream.write(': alive\n\n'))) return undefined;
    }
  }
}

/** @returns whether the request needed no stream */
function answerWithoutEvents(stream: EventStream, read: FollowedRead, { isResumed, request }: StreamOptions): boolean {
  const isOver = read.events.length === 0 && !read.hasMore && !mayGrow(read.totals);
  if (isResumed && isOver) stream.endForGood();
  else if (request.method === 'HEAD') stream.showHeaders();
  else return false;
  return true;
}

/** Before the response has begun, an error is answered as usual; after that, the stream ends with the error's code. */
async function readOrReason(read: () => Promise<FollowedRead>, opened: boolean): Promise<FollowedRead | string> {
  try {
    return await read();
  } catch (error) {
    if (opened && error instanceof ApiError) return error.code;
    throw error;
  }
}
