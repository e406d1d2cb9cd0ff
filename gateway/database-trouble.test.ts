/** What nodes notice while the database is locked, read-only, full or out of order: nothing but a delay. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Prisma, type Queryable } from '../prisma/database.js';
import { lockFreeAttempts } from '../prisma/queries/attempt-state.js';
import { attemptFrame, executionFrame, pageOf, ScriptedNode } from '../tests/harness/scripted-node.js';
import { startTestGateway, type TestGateway } from '../tests/harness/test-gateway.js';
import { until } from '../tests/harness/until.js';
import type { AttemptSync, HiveFrame } from '../protocol/frames.js';

let hive: TestGateway;
let node: ScriptedNode;
beforeAll(async () => {
  hive = await startTestGateway();
});
afterAll(() => hive.stop());
beforeEach(async () => {
  node = await ScriptedNode.connect(hive.url, (await hive.newKey()).secret);
});
afterEach(() => node.close());

/** Sends an attempt with a running execution, and waits until both are stored. */
async function announce(attempt: AttemptSync = attemptFrame()) {
  const execution = executionFrame(attempt);
  node.send('attempt_sync', attempt);
  node.send('execution_sync', execution);
  await node.next('sync_ack');
  await node.next('log_ack');
  return { attempt, execution };
}

const received = (type: HiveFrame['type']) => node.received.filter((frame) => frame.type === type);

/** Keeps what `lock` does from ending until the returned function is called. */
async function whileLocked(lock: (tx: Queryable) => Promise<unknown>): Promise<() => Promise<void>> {
  let unlock: () => void = () => undefined;
  const unlocked = new Promise<void>((resolve) => (unlock = resolve));
  let done: Promise<unknown> = Promise.resolve();
  await new Promise<void>((locked) => {
    done = hive.database.$transaction(async (tx) => {
      await lock(tx);
      locked();
      await unlocked;
    });
  });
  return async () => {
    unlock();
    await done;
  };
}

test.each<[string, (id: string) => (tx: Queryable) => Promise<unknown>, boolean]>([
  ['is locked', (id) => (tx) => tx.$queryRaw`SELECT FROM attempt WHERE id = ${id}::uuid FOR UPDATE`, true],
  ['is just being stored for the first time', (id) => (tx) => lockFreeAttempts(tx, [id]), false],
])(
  "an attempt that %s holds up neither the node's other attempts nor its live pages",
  async (_what, lockOf, isKnown) => {
    const following = await announce();
    const held = attemptFrame();
    if (isKnown) await announce(held);
    const unlock = await whileLocked(lockOf(held.attempt_id));
    const [other, begun] = [attemptFrame(), performance.now()];
    node.send('attempt_sync', { ...held, revision: 2 });
    node.send('attempt_sync', other);
    const { execution_id } = following.execution;
    await node.sendPage(['one', 'two'], { execution_id, log_epoch: 1, first_seq: 1 });
    expect(await node.next('sync_ack')).toMatchObject({ attempt_id: other.attempt_id });
    expect(await node.next('log_ack')).toMatchObject({ execution_id, stored_through: 2 });
    expect(performance.now() - begun).toBeLessThan(15_000); // the database's answer is waited for twice as long
    expect(node.received).toEqual([]);
    await unlock();
    expect(await node.next('sync_ack')).toMatchObject({ attempt_id: held.attempt_id, revision: 2 });
  },
);

test('an execution that is locked holds up neither the pages of others nor what is announced behind them', async () => {
  const [held, other] = [await announce(), await announce()];
  const id = held.execution.execution_id;
  const unlock = await whileLocked((tx) => tx.$queryRaw`SELECT FROM execution WHERE id = ${id}::uuid FOR UPDATE`);
  await node.sendPage(['a'], { execution_id: id, log_epoch: 1, first_seq: 1 });
  await node.sendPage(['b'], { execution_id: other.execution.execution_id, log_epoch: 1, first_seq: 1 });
  const behind = attemptFrame();
  node.send('attempt_sync', behind);
  expect(await node.next('log_ack')).toMatchObject({ execution_id: other.execution.execution_id });
  expect(await node.next('log_refused')).toMatchObject({ execution_id: id, code: 'busy' });
  expect(await node.next('sync_ack')).toMatchObject({ attempt_id: behind.attempt_id });
  await unlock();
  await node.sendPage(['a'], { execution_id: id, log_epoch: 1, first_seq: 1 });
  expect(await node.next('log_ack')).toMatchObject({ execution_id: id, stored_through: 1 });
});

/** Makes every write to the attempts' table fail, until the returned function is called. */
async function failWrites(sqlstate: string): Promise<() => Promise<void>> {
  await hive.database.$executeRaw(
    Prisma.raw(`CREATE FUNCTION fail_${sqlstate.toLowerCase()}() RETURNS trigger LANGUAGE plpgsql
                AS $$ BEGIN RAISE EXCEPTION 'made by the test' USING ERRCODE = '${sqlstate}'; END $$`),
  );
  await hive.database.$executeRaw(
    Prisma.raw(
      `CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON attempt EXECUTE FUNCTION fail_${sqlstate.toLowerCase()}()`,
    ),
  );
  return async () => {
    await hive.database.$executeRaw`DROP TRIGGER fail ON attempt`;
  };
}

async function makeReadOnly(): Promise<() => Promise<void>> {
  const set = async (value: string) => {
    const [row] = await hive.database.$queryRaw<[{ name: string }]>`SELECT current_database() AS name`;
    // also the way out: the session must not be read-only itself
    await hive.database.$transaction(async (tx) => {
      await tx.$executeRaw`SET TRANSACTION READ WRITE`;
      await tx.$executeRaw(Prisma.raw(`ALTER DATABASE ${row.name} SET default_transaction_read_only = ${value}`));
    });
    // waits for their end: until then, the hive could go on with one
    await hive.database.$queryRaw`
      SELECT pg_terminate_backend(pid, 20_000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`;
    await hive.database.$queryRaw`SELECT pg_terminate_backend(pg_backend_pid())`.catch(() => undefined);
  };
  await set('on');
  return () => set('off');
}

async function renameTable(): Promise<() => Promise<void>> {
  await hive.database.$executeRaw`ALTER TABLE attempt_sync RENAME TO attempt_sync_gone`;
  return async () => {
    await hive.database.$executeRaw`ALTER TABLE attempt_sync_gone RENAME TO attempt_sync`;
  };
}

test.each<[string, () => Promise<() => Promise<void>>]>([
  ['read-only (25006)', makeReadOnly],
  ['full (53100)', () => failWrites('53100')],
  ['locked (55P03)', () => failWrites('55P03')],
  ['without one of its tables (42P01)', renameTable],
])(
  'while the database is %s, sockets stay and nothing counts as a faulty frame; then all is stored',
  async (_what, disturb) => {
    const mend = await disturb();
    const attempts = Array.from({ length: 15 }, () => attemptFrame());
    for (const attempt of attempts) node.send('attempt_sync', attempt);
    const { execution_id } = executionFrame(attemptFrame());
    node.send('heartbeat', {
      status: 'online',
      active_tasks: 0,
      available_capacity: 1,
      timestamp: new Date().toISOString(),
    });
    await node.sendPage(['one'], { execution_id, log_epoch: 1, first_seq: 1 });
    await sleep(1200); // longer than the hive waits before it tries again
    expect(received('error')).toEqual([]);
    expect(received('sync_ack')).toEqual([]);
    expect(node.closed).toBeUndefined();
    await mend();
    await until(() => received('sync_ack').length === attempts.length, 60_000, 'all are stored');
    expect(node.closed).toBeUndefined();
  },
);

test('an error that is neither passing nor the data’s is not counted as a faulty frame: it is logged and not acknowledged', async () => {
  const mend = await failWrites('XX000');
  for (let count = 0; count < 12; count++) node.send('attempt_sync', attemptFrame());
  await sleep(500);
  await mend();
  const later = attemptFrame();
  node.send('attempt_sync', later);
  const isStored = ({ data }: HiveFrame) => (data as { attempt_id?: string }).attempt_id === later.attempt_id;
  await until(() => received('sync_ack').some(isStored), 60_000, 'what came later is stored');
  expect(received('error')).toEqual([]);
  expect(node.closed).toBeUndefined();
});

test('what the database refuses because of the data is the node’s fault, and its alone', async () => {
  const mend = await failWrites('23514');
  node.send('attempt_sync', attemptFrame());
  expect(await node.next('error')).toMatchObject({ error: "attempt_sync: can't be stored" });
  await mend();
  await announce();
});

test('a login while the database takes no writes is postponed, not refused', async () => {
  const { secret } = await hive.newKey();
  const mend = await makeReadOnly();
  const late = await ScriptedNode.open(hive.url);
  await expect(late.auth(secret, randomUUID())).rejects.toThrow('try again later');
  await mend();
  const back = await ScriptedNode.connect(hive.url, secret);
  back.close();
});

test('the pages of an attempt that is locked as its execution ends are stored, and it becomes complete later', async () => {
  const { attempt, execution } = await announce();
  node.send('execution_sync', { ...execution, revision: 2, status: 'completed', exit_code: 0, log_lines: 2 });
  node.send('attempt_sync', { ...attempt, revision: 2 });
  await node.next('sync_ack');
  const unlock = await whileLocked(
    (tx) => tx.$queryRaw`SELECT FROM attempt WHERE id = ${attempt.attempt_id}::uuid FOR UPDATE`,
  );
  const page = await pageOf(['one', 'two']);
  const { execution_id } = execution;
  node.sendPageBytes(page, { execution_id, log_epoch: 1, first_seq: 1, last_seq: 2 });
  await until(
    () => received('log_ack').some(({ data }) => (data as { stored_through: number }).stored_through === 2),
    60_000,
    'stored',
  );
  const behind = attemptFrame();
  node.send('attempt_sync', behind);
  expect(await node.next('sync_ack')).toMatchObject({ attempt_id: behind.attempt_id });
  await unlock();
  expect(await node.next('sync_ack')).toMatchObject({ attempt_id: attempt.attempt_id, sync_state: 'complete' });
});
