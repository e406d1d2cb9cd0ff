import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { openDatabase } from '../../prisma/client.js';
import { Prisma, type Database, type Queryable } from '../../prisma/database.js';
import { ensureOrganization } from '../../prisma/queries/organization.js';
import { listAttemptsOf, listAttemptsThatRun } from '../../prisma/queries/v1/attempts-to-ask.js';
import { createTestDatabase, type TestDatabase } from '../../tests/harness/database.js';
import { seedAttempt, seedExecution, seedNode } from '../../tests/harness/seed.js';
import { until } from '../../tests/harness/until.js';
import { NodeRequestError } from '../interface.js';
import { RunningWatch, type WatchBounds } from './running-watch.js';
import { SweepPace } from './sweep-pace.js';

let testDatabase: TestDatabase;
let database: Database;
let organizationId: string;
let nodeId: string;
const watches: RunningWatch[] = [];

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
  organizationId = (await ensureOrganization(database, 'default')).id;
});

beforeEach(async () => {
  nodeId = await seedNode(database, organizationId);
});

afterEach(() => {
  for (const watch of watches.splice(0)) watch.stop();
});

afterAll(async () => {
  await database.$disconnect();
  await testDatabase.drop();
});

/** Seeds attempts, the first of which is the oldest. */
async function seed(count: number, status: 'running' | 'completed'): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index++) {
    const created_at = new Date(Date.UTC(2026, 0, 1) + index * 1000).toISOString();
    const attemptId = await seedAttempt(database, { organizationId, nodeId, metadata: { created_at } });
    await seedExecution(database, { attemptId, nodeId, ordinal: 1, status });
    ids.push(attemptId);
  }
  return ids;
}

/** Bounds at which nothing happens in a test but what follows from the start. */
const SLOW: WatchBounds = { roundMs: 60_000, freshMs: 30_000, quietMs: 60_000, sweepMs: 60_000, retryMs: 20 };

function watchWith(bounds: Partial<WatchBounds>, options: { db?: Database; answer?: () => Promise<unknown> } = {}) {
  const { db = database, answer = () => Promise.resolve() } = options;
  const asked: string[][] = [];
  const logged: string[] = [];
  const state = { out: 0, mostOut: 0 };
  const watch = new RunningWatch({
    database: db,
    nodeId,
    logger: pino({ level: 'info' }, { write: (line: string) => void logged.push(line) }),
    ask: async (attemptIds) => {
      state.mostOut = Math.max(state.mostOut, ++state.out);
      try {
        await answer();
        asked.push(attemptIds);
      } finally {
        state.out--;
      }
    },
    sweepPace: new SweepPace(1),
    bounds: { ...SLOW, ...bounds },
  });
  watches.push(watch);
  watch.start();
  return { watch, asked, logged, state };
}

function countingQueries() {
  const counted = { queries: 0 };
  const db = new Proxy(database, {
    get(target, name) {
      if (name === '$queryRaw') counted.queries++;
      return Reflect.get(target, name) as unknown;
    },
  });
  return { db, counted };
}

test('a login asks at once about the attempts that run, 50 at a time, and about no others', async () => {
  await seed(3, 'completed');
  const running = await seed(120, 'running');
  const { asked, state } = watchWith({}, { answer: () => sleep(5) });
  await until(() => asked.length === 3);
  expect(asked.map((ids) => ids.length)).toEqual([50, 50, 20]);
  expect(asked.flat().sort()).toEqual(running.sort());
  expect(state.mostOut).toBe(1);
  await sleep(100);
  expect(asked).toHaveLength(3);
});

test('a login asks even if nothing runs, because the answer frees what the node owed before', async () => {
  const { asked } = watchWith({});
  await until(() => asked.length === 1);
  expect(asked).toEqual([[]]);
});

test('then all other attempts are asked about, newest first, without those that were just asked about', async () => {
  const ended = await seed(70, 'completed');
  const running = await seed(1, 'running');
  const { asked } = watchWith({ sweepMs: 20 });
  await until(() => asked.length === 3);
  const [first = [], ...sweep] = asked;
  expect(first).toEqual(running);
  expect(sweep.flat()).toEqual(ended.toReversed());
  await sleep(100);
  expect(asked).toHaveLength(3);
});

test('an attempt that runs is asked about again and again, until the hive knows that it has ended', async () => {
  const [attemptId = ''] = await seed(1, 'running');
  const { db, counted } = countingQueries();
  const { asked } = watchWith({ roundMs: 40, freshMs: 20 }, { db });
  await until(() => asked.length >= 4);
  expect(new Set(asked.flat())).toEqual(new Set([attemptId]));
  await database.execution.updateMany({ where: { attemptId }, data: { status: 'completed' } });
  const before = counted.queries;
  await until(() => counted.queries > before); // what an earlier listing found has been asked about
  const count = asked.length;
  await until(() => counted.queries > before + 5);
  expect(asked).toHaveLength(count);
});

test('an attempt is asked about when its lines have stopped coming, not while they come', async () => {
  const [attemptId = ''] = await seed(1, 'completed'); // so that no round finds it
  let cameAt = -Infinity;
  const quiet: number[] = [];
  const answer = () => Promise.resolve(quiet.push(performance.now() - cameAt));
  const { watch, asked } = watchWith({ quietMs: 150 }, { answer });
  await until(() => asked.length === 1);
  for (let index = 0; index < 6; index++) {
    cameAt = performance.now();
    watch.linesCame(attemptId);
    await sleep(50); // on a busy machine so long that the lines have stopped
  }
  await until(() => asked.length >= 2);
  expect(asked.slice(1)).toEqual(asked.slice(1).map(() => [attemptId]));
  expect(Math.min(...quiet)).toBeGreaterThanOrEqual(149);
});

test('what becomes due while an ask is out joins the next one', async () => {
  const ids = await seed(10, 'completed');
  let answer: () => void = () => undefined;
  const { watch, asked, state } = watchWith({}, { answer: () => new Promise<void>((resolve) => (answer = resolve)) });
  await until(() => {
    answer();
    return asked.length === 1;
  });
  watch.look(ids[0] ?? '');
  await until(() => state.out === 1); // the second ask
  for (const id of ids.slice(1)) watch.look(id);
  answer();
  await until(() => asked.length === 2 && state.out === 1);
  answer();
  await until(() => asked.length === 3);
  expect(asked.slice(1).map((list) => list.length)).toEqual([1, 9]);
});

test('a place that is taken or a database that fails does not end the watch, and fills no log', async () => {
  const running = await seed(1, 'running');
  let isAway = true;
  let tries = 0;
  const db = new Proxy(database, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (name !== '$queryRaw' || !isAway) return value;
      return () => {
        tries++;
        return Promise.reject(new Error(`the database of ${nodeId} is away`));
      };
    },
  });
  let refusals = 3;
  const answer = () =>
    refusals-- > 0 ? Promise.reject(new NodeRequestError('busy', 'no place')) : Promise.resolve(undefined);
  const { asked, logged } = watchWith({}, { db, answer });
  await until(() => tries >= 3);
  expect(logged).toHaveLength(1);
  isAway = false;
  await until(() => asked.length === 1);
  expect(asked[0]).toEqual(running);
  expect(logged).toHaveLength(1);
});

test('300 attempts that run cost six asks and one query a round', async () => {
  const running = await seed(300, 'running');
  const { db, counted } = countingQueries();
  const { asked } = watchWith({}, { db });
  await until(() => asked.length === 6);
  await sleep(50);
  expect(asked).toHaveLength(6);
  expect(new Set(asked.flat())).toEqual(new Set(running));
  expect(counted.queries).toBe(1);
});

test.each<[string, RegExp, (db: Queryable) => Promise<unknown>]>([
  // both have running executions only; which of them, the planner decides by how many there are
  [
    'the attempts that run',
    /execution_running_(attempt_)?idx/,
    (db) => listAttemptsThatRun(db, nodeId, undefined, 100),
  ],
  ['all attempts', /attempt_node_id_created_at_id_idx/, (db) => listAttemptsOf(db, nodeId, undefined, 50)],
])('%s of a node are looked for in an index of their own', async (_name, index, ask) => {
  await seed(1, 'running');
  const plan = await database.$transaction(async (tx) => {
    await tx.$executeRaw`SET LOCAL enable_seqscan = off`;
    let explained: unknown;
    await ask({
      ...tx,
      async $queryRaw<Rows>(statement: TemplateStringsArray | Prisma.Sql, ...values: unknown[]) {
        const sql = 'raw' in statement ? Prisma.sql(statement, ...values) : statement;
        explained = await tx.$queryRaw`EXPLAIN (FORMAT JSON) ${sql}`;
        return [] as Rows;
      },
    });
    return explained;
  });
  expect(JSON.stringify(plan)).toMatch(index);
});
