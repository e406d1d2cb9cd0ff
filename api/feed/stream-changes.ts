/** The feed as server-sent events: changes after a position, then each further one. It never ends by itself. */
import type { Request, Response } from 'express';
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import { EventStream } from '../logs/event-stream.js';
import type { Recheck } from '../recheck.js';
import type { FeedFollower } from './feed-follower.js';

export interface ChangeStreamOptions {
  scope: OrganizationScope;
  after: bigint;
  request: Request;
  response: Response;
  /** Aborted when the reader goes away or the process stops. */
  signal: AbortSignal;
  heartbeatMs: number;
  stallMs: number;
  recheck: Recheck;
}

export async function streamChanges(follower: FeedFollower, options: ChangeStreamOptions): Promise<void> {
  const { scope, request, response, stallMs } = options;
  const stream = new EventStream(response, stallMs);
  if (request.method === 'HEAD') {
    stream.showHeaders();
    return;
  }
  const unfollow = follower.follow(scope.organizationId);
  try {
    const reason = await follow(follower, stream, options);
    if (reason) stream.end('failed', { reason });
  } finally {
    unfollow();
  }
}

/** @returns why the stream ends; undefined if the reader has gone */
async function follow(follower: FeedFollower, stream: EventStream, options: ChangeStreamOptions) {
  const { scope, signal, heartbeatMs, recheck } = options;
  let after = options.after;
  for (let isOpen = false; ; isOpen = true) {
    const { changes, next, hasMore } = await follower.read(scope, after);
    if (!isOpen) stream.open();
    for (const change of changes) {
      if (await recheck.isRefused()) return 'unauthenticated';
      const event = `id: ${change.position}\ndata: ${JSON.stringify(change)}\n\n`;
      if (!(await stream.write(event))) return undefined;
    }
    after = next;
    if (hasMore) continue;
    while (!(await follower.changed(scope.organizationId, after, heartbeatMs, signal))) {
      if (signal.aborted) return stream.closed ? undefined : 'stopping';
      if (await recheck.isRefusedNow()) return 'unauthenticated';
      if (!(await stream.write(': alive\n\n'))) return undefined;
    }
  }
}
