import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { ApplicationFailure, type WorkflowFailedError } from '@temporalio/client';
import type { HiveActivities, SweepPage } from '../activities/hive-activities.js';
import { WorkflowWorld } from '../tests/harness/workflow-world.js';
import type { reconcile } from './reconcile.js';

const COMPACTED = { executions: 3, pagesBefore: 20, pagesAfter: 2 };
const INDEXED = { executions: 4, pages: 9, unfiltered: 1 };

const TENDED = { offline: 0, started: 2, givenUp: 0, deleted: 0 };

/** What the round has asked for, in order. */
let calls: string[];
/** Calls that fail, each with one error. */
let failures: Map<string, Error>;
/** The pages of each sweep. */
let stale: Record<string, SweepPage>;
let nodes: Record<string, SweepPage>;
beforeEach(() => {
  calls = [];
  failures = new Map();
  stale = {};
  nodes = {};
});

let world: WorkflowWorld;
beforeAll(async () => {
  world = await WorkflowWorld.create();
  const activities: Pick<HiveActivities, 'resetStaleBackfills' | 'tendWebhooks' | 'compactLogs' | 'indexLogs'> & {
    drainConnectedNodes: (after?: string) => Promise<SweepPage>;
  } = {
    resetStaleBackfills: (after = 'first') => answer('reset', after, stale),
    drainConnectedNodes: (after = 'first') => answer('drain', after, nodes),
    tendWebhooks: () => {
      calls.push('webhooks');
      const failure = failures.get('webhooks');
      return failure ? Promise.reject(failure) : Promise.resolve(TENDED);
    },
    compactLogs: () => {
      calls.push('compact');
      return Promise.resolve(COMPACTED);
    },
    indexLogs: () => {
      calls.push('index');
      return Promise.resolve(INDEXED);
    },
  };
  await world.work(world.queue, activities);
});
afterAll(() => world.stop());

function answer(sweep: string, after: string, pages: Record<string, SweepPage>): Promise<SweepPage> {
  const call = `${sweep} ${after}`;
  calls.push(call);
  const failure = failures.get(call);
  failures.delete(call);
  return failure ? Promise.reject(failure) : Promise.resolve(pages[after] ?? { changed: 0 });
}

const round = () =>
  world.client.workflow.execute<typeof reconcile>('reconcile', {
    workflowId: `reconcile/${randomUUID()}`,
    taskQueue: world.queue,
    args: [],
  });

test('each sweep goes on page by page until there is no next one, and compaction and the index come last', async () => {
  stale = { first: { changed: 100, next: 'b' }, b: { changed: 99, next: 'c' }, c: { changed: 1 } };
  nodes = { first: { changed: 7, next: 'n' }, n: { changed: 4 } };
  expect(await round()).toEqual({ reset: 200, drained: 11, webhooks: TENDED, compacted: COMPACTED, indexed: INDEXED });
  expect(calls).toEqual([
    'reset first',
    'reset b',
    'reset c',
    'drain first',
    'drain n',
    'webhooks',
    'compact',
    'index',
  ]);
});

test('a page that changed nothing does not end a sweep', async () => {
  stale = { first: { changed: 0, next: 'b' }, b: { changed: 2 } };
  expect(await round()).toMatchObject({ reset: 2 });
});

test('a page that fails transiently is retried from where the sweep was', async () => {
  stale = { first: { changed: 1, next: 'b' }, b: { changed: 1 } };
  failures.set('reset b', new Error('the database is away'));
  expect(await round()).toEqual({ reset: 2, drained: 0, webhooks: TENDED, compacted: COMPACTED, indexed: INDEXED });
  expect(calls).toEqual(['reset first', 'reset b', 'reset b', 'drain first', 'webhooks', 'compact', 'index']);
});

test('a sweep that fails for good keeps the round from nothing else, and then fails it', async () => {
  stale = { first: { changed: 1, next: 'b' } };
  failures.set('reset b', ApplicationFailure.nonRetryable('broken', 'broken'));
  failures.set('drain first', ApplicationFailure.nonRetryable('broken later', 'broken_later'));
  const failure = (await round().catch((error: unknown) => error)) as WorkflowFailedError;
  expect(failure.cause?.cause).toMatchObject({ type: 'broken' });
  expect(calls).toEqual(['reset first', 'reset b', 'drain first', 'webhooks', 'compact', 'index']);
});

test('a round counts what failed alone', async () => {
  stale = { first: { changed: 1, failed: 2, next: 'b' }, b: { changed: 1 } };
  nodes = { first: { changed: 3, failed: 1 } };
  expect(await round()).toEqual({
    reset: 2,
    drained: 3,
    webhooks: TENDED,
    compacted: COMPACTED,
    indexed: INDEXED,
    failed: 3,
  });
});
