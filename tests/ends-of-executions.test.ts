/** A version 1 node never says that an execution has ended: how hives find out for a reader. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ScriptedV1Node, v1Rows, type V1Execution } from './harness/scripted-v1-node.js';
import { until } from './harness/until.js';
import { World, type HiveHandle } from './harness/world.js';

interface Reading {
  is_complete: boolean;
  sync: { state: string; lines_stored: number };
}

let world: World;
/** The nodes connect to the first, and readers ask the second. */
let hives: HiveHandle[];
const nodes: ScriptedV1Node[] = [];

beforeAll(async () => {
  world = await World.create();
  const env = { HIVE_RECONCILE_INTERVAL_SECONDS: '3600' };
  hives = [await world.startHive({ env }), await world.startHive({ env })];
}, 180_000);

afterAll(async () => {
  for (const node of nodes) node.drop();
  await world.stop();
});

function hive(index: number): HiveHandle {
  const found = hives[index];
  if (!found) throw new Error('no such hive');
  return found;
}

const read = (id: string, query = '') => world.get<Reading>(hive(1), `/v1/nodes/task-attempts/${id}${query}`);

/** A node with one running execution, all of whose lines the hive has. */
async function withRunning(rows: number) {
  const node = new ScriptedV1Node(await world.newKey());
  nodes.push(node);
  const attempt = node.addAttempt();
  const execution = node.addExecution(attempt, v1Rows(rows), {
    status: 'running',
    exit_code: null,
    completed_at: null,
  });
  await node.connect(hive(0).url);
  node.pushCycle();
  const id = attempt.frame.attempt_id;
  const sync = () => world.database.attemptSync.findUnique({ where: { attemptId: id } });
  const stored = async () => (await world.database.execution.findMany({ where: { attemptId: id } }))[0]?.storedLines;
  // the backfill that a new attempt needs
  await until(async () => (await stored()) === rows && (await sync())?.needsBackfill === false, 60_000, 'mirrored');
  await until(async () => (await sync())?.state === 'partial', 60_000, 'settled');
  return { id, execution };
}

/** What an original node does at an execution's end: nothing that a hive could see. */
function end({ frame }: V1Execution): void {
  Object.assign(frame, { status: 'completed', exit_code: 0, completed_at: '2026-02-01T10:20:00.123Z' });
}

test('a reader at another hive who waits gets the attempt complete, although the node has said nothing', async () => {
  const { id, execution } = await withRunning(30);
  expect((await read(id, '?wait=20')).sync.state).toBe('partial');
  end(execution);
  await until(async () => {
    const { is_complete: hasEnded, sync } = await read(id, '?wait=20');
    return hasEnded && sync.state === 'complete' && sync.lines_stored === 30;
  });
});
