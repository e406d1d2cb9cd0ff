import { expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { Database } from '../../prisma/database.js';
import { forOrganization } from '../../prisma/organization-scope.js';
import type { CatchUp } from './catch-up.js';
import { FeedFollower } from './feed-follower.js';

const organizationId = '11111111-1111-4111-8111-111111111111';

/** A feed without changes at first: it only tells its highest position, and counts how often its rows are read. */
function fakeFeed() {
  let onAsked: () => void = () => undefined;
  let answer: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => (onAsked = resolve));
  const mayAnswer = new Promise<void>((resolve) => (answer = resolve));
  const feed = { last: 0n, reads: 0, asked, answer };
  const database = {
    $queryRaw: async (statement: { sql?: string; raw?: string[] }) => {
      const text = statement.sql ?? statement.raw?.join('') ?? '';
      if (text.includes('unnest')) {
        onAsked();
        await mayAnswer;
        return [{ organizationId, position: feed.last }];
      }
      feed.reads++;
      return [];
    },
  } as unknown as Database;
  return { feed, database };
}

test('what was read while the poll asked is not taken for what it found', async () => {
  const { feed, database } = fakeFeed();
  const logger = pino({ level: 'silent' });
  const catchUp = { now: () => Promise.resolve() } as unknown as CatchUp;
  const follower = new FeedFollower({ database, logger, catchUp, intervalMs: 1 });
  const scope = forOrganization(database, organizationId);
  const unfollow = follower.follow(organizationId);
  try {
    await feed.asked;
    await follower.read(scope, 0n); // before position 1 is given out
    const before = feed.reads;
    feed.last = 1n;
    feed.answer();
    expect(await follower.changed(organizationId, 0n, 60_000, new AbortController().signal)).toBe(true);
    await follower.read(scope, 0n);
    expect(feed.reads).toBe(before + 1);
  } finally {
    unfollow();
  }
});
