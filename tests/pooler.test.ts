/** Two hives behind one PgBouncer, and 20 nodes that come back to them at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect } from '@jest/globals';
import { FleetNode } from './harness/fleet-node.js';
import type { Pooler, PoolMode } from './harness/pooler.js';
import { sampleLine } from './harness/sample-lines.js';
import { until } from './harness/until.js';
import { startPooler, testWithPooler, whySkipped } from './harness/with-pooler.js';
import { World } from './harness/world.js';

const NODES = 20;
const ATTEMPTS = 2;
/** Of each attempt: 2 executions with 50 lines each. */
const LINES = 100;

let world: World | undefined;
let pooler: Pooler | undefined;
let nodes: FleetNode[] = [];

afterEach(async () => {
  for (const node of nodes) node.terminate();
  await world?.stop();
  await pooler?.end();
});

interface Page {
  attempts: { id: string; node_id: string; sync_state: string }[];
  next_cursor: string | null;
}

testWithPooler.each<PoolMode>(['transaction', 'session'])(
  `behind PgBouncer in %s mode, two hives mirror 20 nodes, and no answer is wrong or 500${whySkipped}`,
  async (mode) => {
    world = await World.create();
    // in session mode, each of a hive's up to 20 connections needs one of its own
    const poolSize = mode === 'transaction' ? 10 : 60;
    pooler = await startPooler(mode, poolSize);
    const env = { DATABASE_URL: pooler.url(world.testDatabase.url) };
    const hives = await Promise.all([world.startHive({ env }), world.startHive({ env })]);
    nodes = [];
    for (let number = 0; number < NODES; number++) {
      nodes.push(new FleetNode(hives[number % 2 === 0 ? 0 : 1].url.replace('http', 'ws'), await world.newKey()));
    }
    for (const node of nodes) node.record(ATTEMPTS);

    const reading = new AbortController();
    const get = reader(world);
    const paths = ['/v1/nodes', '/v1/swarm/attempts?limit=20', '/v1/backfills'];
    const reads = hives.map(async ({ url }) => {
      while (!reading.signal.aborted) {
        await Promise.all(paths.map((path) => get(url, path).catch(unlessBusy)));
        await sleep(20);
      }
    });
    for (const read of reads) read.catch(() => undefined); // awaited below
    await Promise.all(nodes.map((node) => node.connect()));
    const { database } = world;
    const isComplete = async () =>
      (await database.attemptSync.count({ where: { state: 'complete' } })) === NODES * ATTEMPTS;
    await until(isComplete, 60_000, 'every attempt is complete');
    reading.abort();
    await Promise.all(reads);

    for (const { url } of hives) {
      const found = await listAll((path) => get<Page>(url, path));
      expect(found).toHaveLength(NODES * ATTEMPTS);
      const ofNode = (node: string) => found.filter(({ node_id }) => node_id === node).length;
      expect([...new Set(found.map(({ node_id }) => node_id))].map(ofNode)).toEqual(
        Array.from({ length: NODES }, () => ATTEMPTS),
      );
      await Promise.all(found.map(({ id }) => expectItsLines((path) => get(url, path), id)));
    }
  },
  120_000,
);

interface Entry {
  execution_id: string;
  seq: number;
  content: string;
}

async function expectItsLines(get: (path: string) => Promise<unknown>, attemptId: string): Promise<void> {
  const { attempt, executions } = (await get(`/v1/nodes/task-attempts/${attemptId}`)) as {
    attempt: { id: string; sync_state: string };
    executions: { id: string; attempt_id: string }[];
  };
  expect(attempt).toMatchObject({ id: attemptId, sync_state: 'complete' });
  const { entries } = (await get(`/v1/swarm/attempts/${attemptId}/logs`)) as { entries: Entry[] };
  expect(entries).toHaveLength(LINES);
  expect(new Set(entries.map((entry) => entry.execution_id))).toEqual(new Set(executions.map(({ id }) => id)));
  for (const { seq, content } of entries) expect(content).toBe((JSON.parse(sampleLine(seq)) as Entry).content);
}

async function listAll(get: (path: string) => Promise<Page>): Promise<Page['attempts']> {
  const found: Page['attempts'] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Page = await get(`/v1/swarm/attempts?limit=40${cursor === '' ? '' : `&cursor=${cursor}`}`);
    found.push(...page.attempts);
    cursor = page.next_cursor;
  }
  return found;
}

/** A busy machine may miss the deadlines of the database or of Temporal, which is said: it is neither wrong nor a 500. */
function unlessBusy(error: unknown): void {
  if (!String(error).includes(': 503 ')) throw error;
}

/** GET as admin; anything but a success is an error. */
function reader(of: World) {
  return async <T = unknown>(url: string, path: string): Promise<T> => {
    const response = await fetch(url + path, { headers: { authorization: `Bearer ${await of.adminToken()}` } });
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  };
}
