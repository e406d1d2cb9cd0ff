/** A hive that stands still in the middle of a transaction: another one goes on with its node in less than a minute. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { attemptFrame, executionFrame, ScriptedNode } from '../harness/scripted-node.js';
import { until } from '../harness/until.js';
import { World, type HiveHandle } from '../harness/world.js';

let world: World;
let frozen: HiveHandle;
let other: HiveHandle;

beforeAll(async () => {
  world = await World.create();
  frozen = await world.startHive();
  other = await world.startHive({ env: { HIVE_DATA_DIR: `${world.directory}/other` } });
});
afterAll(async () => {
  frozen.program.child.kill('SIGCONT');
  await world.stop();
});

/** Backends that do something, or hold something, for the hives. */
const busy = () =>
  world.database.$queryRaw<{ pid: number; state: string; waits: string | null }[]>`
    SELECT pid, state, wait_event_type AS waits FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle' AND query NOT LIKE '%FOR UPDATE /* the test */%'`;

test("a hive frozen in a metadata transaction gives its node's attempts free within a minute, and doubles nothing when it goes on", async () => {
  const [key, machineId] = [await world.newKey(), randomUUID()];
  const attempts = Array.from({ length: 20 }, () => attemptFrame());
  const executions = attempts.map((attempt) => executionFrame(attempt));
  const [first] = attempts as [(typeof attempts)[0]];
  const before = await ScriptedNode.connect(frozen.url, key, machineId);
  before.send('attempt_sync', first);
  await before.next('sync_ack');

  // the transaction locks the attempts first, and meets this row late
  await world.database.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT FROM attempt_sync WHERE attempt_id = ${first.attempt_id}::uuid FOR UPDATE /* the test */`;
    before.send('attempt_sync', attemptFrame()); // while it is stored, the others come, and so share a transaction
    for (const attempt of attempts) before.send('attempt_sync', { ...attempt, revision: 2 });
    await until(async () => (await busy()).some(({ waits }) => waits === 'Lock'), 60_000, 'its transaction waits');
    frozen.program.child.kill('SIGSTOP');
  });
  const frozenAt = performance.now();
  await until(
    async () => (await busy()).some(({ state }) => state === 'idle in transaction'),
    60_000,
    'it holds locks',
  );
  before.ws.terminate();

  const node = await ScriptedNode.connect(other.url, key, machineId);
  for (const attempt of attempts) node.send('attempt_sync', { ...attempt, revision: 3 });
  for (const execution of executions) node.send('execution_sync', { ...execution, revision: 3 });
  const fresh = attemptFrame();
  const live = executionFrame(fresh);
  node.send('attempt_sync', fresh);
  node.send('execution_sync', live);
  const isStored = (lines: number) =>
    node.received.some(
      ({ type, data }) =>
        type === 'log_ack' && data.execution_id === live.execution_id && data.stored_through === lines,
    );
  // the locks last three times as long
  await until(() => isStored(0), 60_000, 'an attempt that is free waits for no other');
  await node.sendPage(['one', 'two'], { execution_id: live.execution_id, log_epoch: 1, first_seq: 1 });
  await until(() => isStored(2), 60_000, 'and neither do its live pages');

  const acknowledged = (type: string) => node.received.filter((frame) => frame.type === type).length;
  await until(() => acknowledged('sync_ack') === 21 && acknowledged('log_ack') === 22, 60_000, 'all are mirrored');
  const freeAfterMs = performance.now() - frozenAt;
  expect(freeAfterMs).toBeLessThan(60_000);
  // what the other hive does by itself is short
  await until(async () => (await busy()).length === 0, 60_000, 'no transaction is held');
  expect(node.received.filter(({ type }) => type === 'error')).toEqual([]);

  frozen.program.child.kill('SIGCONT');
  await until(async () => (await fetch(`${frozen.url}/readyz`)).status === 200, 60_000, 'the frozen hive works again');
  for (const { execution_id } of executions) {
    await node.sendPage(['a', 'b', 'c'], { execution_id, log_epoch: 1, first_seq: 1 });
  }
  await until(() => acknowledged('log_ack') === 42, 60_000, 'all pages are stored');
  const rows = await world.database.$queryRaw<{ revision: bigint; executions: number; lines: number; pages: number }[]>`
    SELECT a.revision, count(DISTINCT e.id)::int AS executions, sum(e.stored_lines)::int AS lines, count(p.*)::int AS pages
    FROM attempt a LEFT JOIN execution e ON e.attempt_id = a.id LEFT JOIN log_page p ON p.execution_id = e.id
    WHERE a.id = ANY (${attempts.map(({ attempt_id: id }) => id)}::uuid[]) GROUP BY a.id`;
  expect(rows).toEqual(attempts.map(() => ({ revision: 3n, executions: 1, lines: 3, pages: 1 })));
  node.close();
  process.stdout.write(`${JSON.stringify({ frozen_hive_free_after_ms: Math.round(freeAfterMs) })}\n`);
}, 150_000);
