/** The order of attempts, and the dates of their nodes, as they come in frames and go out in answers. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import pg from 'pg';
import { storeMetadata } from '../../prisma/queries/store-metadata.js';
import type { NodeSession } from '../../prisma/session.js';
import { nodeFrame, type AttemptSync } from '../../protocol/frames.js';
import { decodeTextFrame, encodeTextFrame } from '../../protocol/text-frame.js';
import { toTimestamp } from '../../protocol/time.js';
import { createEmptyDatabase } from '../../tests/harness/database.js';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { attemptFrame, executionFrame } from '../../tests/harness/scripted-node.js';
import { seedNode } from '../../tests/harness/seed.js';
import { attemptPage, attemptsOfTask } from '../schemas/attempt.js';

let hive: TestHive;
beforeAll(async () => {
  hive = await startTestHive();
});
afterAll(() => hive.close());

async function newSession(): Promise<NodeSession> {
  const organizationId = hive.own.id;
  return { organizationId, nodeId: await seedNode(hive.database, organizationId), fence: 1n };
}

/** Stores the attempts as if their frames came together. @returns their ids */
async function announce(session: NodeSession, ...made: Partial<AttemptSync>[]): Promise<string[]> {
  const attempts = made.map((changes) => attemptFrame(changes));
  const decode = (type: string, data: unknown) => decodeTextFrame(nodeFrame, encodeTextFrame({ type, data })).data;
  await storeMetadata(hive.database, session, {
    attempts: attempts.map((attempt) => decode('attempt_sync', attempt) as AttemptSync),
    executions: attempts.map((attempt) => {
      const times = { started_at: attempt.created_at, created_at: attempt.created_at };
      return decode('execution_sync', executionFrame(attempt, times)) as ReturnType<typeof executionFrame>;
    }),
  });
  return attempts.map((attempt) => attempt.attempt_id);
}

async function list({ nodeId }: NodeSession, query = ''): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor = '', more = true; more;) {
    const { body } = (await hive.get(`/v1/swarm/attempts?node_id=${nodeId}&limit=2${query}${cursor}`)) as {
      body: unknown;
    };
    const page = attemptPage.parse(body);
    ids.push(...page.attempts.map(({ id }) => id));
    more = page.has_more;
    cursor = `&cursor=${page.next_cursor ?? ''}`;
  }
  return ids;
}

test('what comes late is first in the list, whatever its node’s clock says; within one batch by that clock', async () => {
  const session = await newSession();
  const [future = ''] = await announce(session, { created_at: '2099-01-01T00:00:00Z' });
  const [second = '', first = '', third = ''] = await announce(
    session,
    { created_at: '2026-02-02T00:00:00Z' },
    { created_at: '2026-02-01T00:00:00Z' },
    { created_at: '2026-02-03T00:00:00Z' },
  );
  const [late = ''] = await announce(session, { created_at: '2020-01-01T00:00:00Z' });
  expect(await list(session)).toEqual([late, third, second, first, future]);
  expect(await list(session, '&order=created')).toEqual([future, third, second, first, late]);

  await announce(session, { attempt_id: future, revision: 2, created_at: '2099-01-01T00:00:00Z' });
  expect(await list(session, '&order=arrived')).toEqual([late, third, second, first, future]); // a change is no arrival
  const { body } = (await hive.get(`/v1/swarm/attempts?node_id=${session.nodeId}&limit=1`)) as { body: unknown };
  const [newest] = attemptPage.parse(body).attempts;
  expect(Math.abs(Date.now() - Date.parse(newest?.arrived_at ?? ''))).toBeLessThan(60_000);
});

test('a cursor goes on in its own order, also one of a hive that knew only one', async () => {
  const session = await newSession();
  const ids = await announce(session, ...[1, 2, 3].map((day) => ({ created_at: `2026-02-0${day}T00:00:00Z` })));
  const of = (place: unknown) => Buffer.from(JSON.stringify(place)).toString('base64url');
  const path = `/v1/swarm/attempts?node_id=${session.nodeId}&cursor=`;
  const old = await hive.get(path + of(['2026-02-03T00:00:00.000000Z', ids[2]]));
  expect(attemptPage.parse(old.body).attempts.map(({ id }) => id)).toEqual([ids[1], ids[0]]);
  const wrong = await hive.get(`${path}${of(['arrived', '5'])}&order=created`);
  expect(wrong.body).toMatchObject({
    status: 400,
    errors: [{ field: 'cursor', message: 'was given for order=arrived' }],
  });
});

test('the attempts of a shared task stay in the order of the original hive', async () => {
  const session = await newSession();
  const task = '00000000-0000-4000-8000-00000000000a';
  const times = ['2026-02-02T00:00:00Z', '2026-02-03T00:00:00Z', '2026-02-01T00:00:00Z'];
  const ids = [];
  for (const time of times) ids.push(...(await announce(session, { shared_task_id: task, created_at: time })));
  const { body } = (await hive.get(`/v1/nodes/task-attempts/by-shared-task/${task}`)) as { body: unknown };
  expect(attemptsOfTask.parse(body).attempts.map(({ id }) => id)).toEqual([ids[1], ids[0], ids[2]]);
});

test('an attempt of any date is stored, and read back with that date', async () => {
  const session = await newSession();
  const dates = [
    ['+010000-01-01T00:00:00.000Z'],
    ['+275760-09-13T00:00:00Z'],
    ['-271821-04-20T00:00:00Z'],
    ['+999999-12-31T23:59:59Z'],
    ['10000-01-01T00:00:00Z'],
    ['0000-01-01T00:00:00Z'],
    ['-0044-03-15T12:00:00Z'],
    ['9999-12-31T23:59:59.999999999Z'],
    ['9999-12-31T23:59:59-01:00'],
    ['0001-01-01T00:30:00+23:59'],
    ['2016-12-31T23:59:60Z'],
    ['2026-02-30T10:00:00Z'],
    ['2026-02-01T24:00:00Z'],
    ['2026-02-01T11:30:00.123456789+01:30', '2026-02-01T10:00:00.123456789Z'],
    ['0099-01-01T00:00:00Z'],
  ];
  for (const [sent = '', read = sent] of dates) {
    const [id = ''] = await announce(session, { created_at: sent, updated_at: sent, setup_completed_at: sent });
    const { body } = (await hive.get(`/v1/nodes/task-attempts/${id}`)) as { body: unknown };
    expect(body).toMatchObject({
      attempt: { created_at: read, updated_at: read, setup_completed_at: read },
      executions: [{ created_at: read, started_at: read }],
    });
  }
  expect(await list(session, '&order=created')).toHaveLength(dates.length);
  const [row] = await hive.database.$queryRaw<{ fits: boolean }[]>`
    SELECT bool_and(created_at BETWEEN '0001-01-01Z' AND '9999-12-31 23:59:59.999999Z') AS fits FROM attempt`;
  expect(row).toEqual({ fits: true });
});

test('PostgreSQL takes every date that a frame may carry', async () => {
  const digits = (min: number, max: number, length = 2) =>
    fc.integer({ min, max }).map((number) => String(number).padStart(length, '0'));
  const date = fc
    .tuple(
      fc.constantFrom('', '+', '-'),
      fc.oneof(digits(0, 9999, 4), digits(10_000, 999_999)),
      fc.tuple(digits(1, 12), digits(1, 31)),
      fc.tuple(digits(0, 24), digits(0, 59), digits(0, 60)),
      fc.constantFrom('', '.1', '.999999999'),
      fc.oneof(
        fc.constant('Z'),
        fc.tuple(fc.constantFrom('+', '-'), digits(0, 99), digits(0, 99)).map(([s, h, m]) => `${s}${h}:${m}`),
      ),
    )
    .map(
      ([sign, year, day, time, fraction, zone]) =>
        `${sign}${year}-${day.join('-')}T${time.join(':')}${fraction}${zone}`,
    );
  const dates = fc.sample(date, 2000);
  const attempt = attemptFrame();
  for (const created_at of dates) {
    const frame = encodeTextFrame({ type: 'attempt_sync', data: { ...attempt, created_at } });
    expect(() => decodeTextFrame(nodeFrame, frame)).not.toThrow();
  }
  const [row] = await hive.database.$queryRaw<{ count: bigint }[]>`
    SELECT count(*) FROM unnest(${dates.map(toTimestamp)}::timestamptz[]) AS at (at)
    WHERE at BETWEEN '0001-01-01Z' AND '9999-12-31 23:59:59.999999Z'`;
  expect(row).toEqual({ count: 2000n });
});

test('attempts that are there before a migration have come in the order in which they were made', async () => {
  const database = await createEmptyDatabase();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    const folder = join(import.meta.dirname, '..', '..', 'prisma', 'migrations');
    const migrations = (await readdir(folder)).filter((name) => /^\d+_/.test(name)).sort();
    for (const name of migrations) {
      if (name.endsWith('_arrival')) await client.query(THREE_ATTEMPTS);
      await client.query(await readFile(join(folder, name, 'migration.sql'), 'utf8'));
    }
    await client.query(`INSERT INTO attempt ${attemptsOf([4])}`);
    const { rows } = await client.query<{ arrival: string; revision: string; past: boolean }>(
      'SELECT arrival, revision, arrived_at <= now() AS past FROM attempt ORDER BY arrival',
    );
    expect(rows).toEqual([1, 2, 3, 4].map((n) => ({ arrival: String(n), revision: String(n), past: true })));
  } finally {
    await client.end();
    await database.drop();
  }
});

const ID = `'00000000-0000-4000-8000-00000000000a'`;
/** Attempts whose revision is their place by date; the last of them is of a clock that is ahead. */
const attemptsOf = (places: number[]) =>
  `(id, organization_id, node_id, revision, execution_count, executor, created_at, metadata) VALUES ` +
  places.map((n) => `(gen_random_uuid(), ${ID}, ${ID}, ${n}, 0, '', '20${n}9-01-01Z', '{}')`).join();
const THREE_ATTEMPTS = `
  INSERT INTO organization (id, name) VALUES (${ID}, 'one');
  INSERT INTO node (id, organization_id, name, machine_id, protocol_version, capabilities, updated_at)
  VALUES (${ID}, ${ID}, '', '', 2, '{}', now());
  INSERT INTO attempt ${attemptsOf([3, 1, 2])};`;
