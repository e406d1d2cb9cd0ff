/** An attempt's log as server-sent events: what is stored, then new lines as they are stored, until the log ends. */
import type { Response } from 'express';
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import type { LogFilter } from '../../prisma/queries/read-log.js';
import { ApiError } from '../problem.js';
import type { Recheck } from '../recheck.js';
import type { ForwardCursor } from './cursor.js';
import { EventStream } from './event-stream.js';
import type { FollowedRead, LogFollower } from './log-follower.js';
import { mayGrow } from './log-reader.js';

export interface StreamOptions {
  scope: OrganizationScope;
  attemptId: string;
  filter: LogFilter;
  start: ForwardCursor;
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
    const reason = await follow(follower, stream, options);
    if (reason) stream.end(reason === 'complete' ? 'end' : 'error', { reason });
  } finally {
    unfollow();
  }
}

/** @returns why the stream ends; undefined if the reader has gone */
async function follow(follower: LogFollower, stream: EventStream, options: StreamOptions) {
  const { scope, attemptId, filter, signal, heartbeatMs, recheck } = options;
  let cursor = options.start;
  for (let opened = false; ; opened = true) {
    const version = follower.version(attemptId);
    const read = await readOrReason(() => follower.read(scope, attemptId, cursor, filter), opened);
    if (typeof read === 'string') return read;
    if (!opened) stream.open();
    for (const piece of read.events) {
      if (await recheck.isRefused()) return 'unauthenticated';
      if (!(await stream.write(piece))) return undefined;
    }
    cursor = read.cursor;
    if (read.hasMore) continue;
    if (!mayGrow(read.totals)) return 'complete';
    while (follower.version(attemptId) === version) {
      await follower.changed(attemptId, version, heartbeatMs, signal);
      if (signal.aborted) return stream.closed ? undefined : 'stopping';
      if (follower.version(attemptId) !== version) break;
      if (await recheck.isRefusedNow()) return 'unauthenticated';
      if (!(await stream.write(': alive\n\n'))) return undefined;
    }
  }
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
