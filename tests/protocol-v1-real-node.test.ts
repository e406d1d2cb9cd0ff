/**
 * Nodes that behave as real ones, at hives that run as processes: what happens to them never costs a line. They run at
 * the same time, because most of the time each of them waits.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { FaultProxy } from './chaos/fault-proxy.js';
import { Random } from './chaos/random.js';
import { storedLinesOf } from './harness/page-lines.js';
import { startAgent } from './harness/scripted-v1-agent.js';
import { ScriptedV1Node, v1Rows, type V1Attempt, type V1Entry } from './harness/scripted-v1-node.js';
import { until } from './harness/until.js';
import { World, type HiveHandle } from './harness/world.js';

const TIME_LIMIT_MS = 300_000;

let world: World;
let hives: [HiveHandle, HiveHandle, HiveHandle];
const nodes: ScriptedV1Node[] = [];
const proxies: FaultProxy[] = [];
const scenarios = new Map<string, () => Promise<void>>();
const results = new Map<string, Promise<void>>();

beforeAll(async () => {
  world = await World.create();
  const first = await world.startHive();
  hives = [first, ...(await Promise.all([world.startHive(), world.startHive()]))];
  for (const [name, play] of scenarios) {
    const result = play();
    result.catch(() => undefined); // its own test reports it
    results.set(name, result);
  }
}, 180_000);

afterAll(async () => {
  for (const node of nodes) node.kill();
  await Promise.all(proxies.map((proxy) => proxy.close()));
  await world.stop();
});

/** A test that begins with all the others. */
function happens(name: string, play: () => Promise<void>): void {
  scenarios.set(name, play);
  test(name, () => results.get(name), TIME_LIMIT_MS);
}

/** A test that begins when all the others have ended, because it uses what the machine has. */
function happensAlone(name: string, play: () => Promise<void>): void {
  test(
    name,
    async () => {
      await Promise.allSettled(results.values());
      await play();
    },
    TIME_LIMIT_MS,
  );
}

async function newNode(seed?: number): Promise<ScriptedV1Node> {
  const node = new ScriptedV1Node(await world.newKey(), undefined, seed);
  nodes.push(node);
  return node;
}

const stateOf = async ({ frame }: V1Attempt) =>
  world.database.attemptSync.findUnique({ where: { attemptId: frame.attempt_id } });

/** @returns whether the hive says that it has everything, and has it */
async function isMirrored(attempt: V1Attempt): Promise<boolean> {
  if ((await stateOf(attempt))?.state !== 'complete') return false;
  for (const { frame, rows } of attempt.executions) {
    const execution = await world.database.execution.findUnique({ where: { id: frame.execution_id } });
    if (execution?.status !== frame.status) return false;
    const lines = await storedLinesOf(world.database, frame.execution_id);
    const stored = lines.map(({ output_type, content, timestamp }) => ({ output_type, content, timestamp }));
    if (JSON.stringify(stored) !== JSON.stringify(rows)) return false;
  }
  return true;
}

/** Looks into the database, because a read would make the hive ask. @returns the time in seconds that it took */
async function mirrored(attempts: V1Attempt[], withinMs: number, since = performance.now()): Promise<number> {
  await Promise.all(
    attempts.map((attempt) =>
      until(
        async () =>
          performance.now() - since > withinMs ? Promise.reject(new Error('too late')) : isMirrored(attempt),
        withinMs,
        'complete and equal',
      ),
    ),
  );
  return (performance.now() - since) / 1000;
}

describe('an agent’s run on a node that does not say when it ends', () => {
  happens('is complete within 90 s of its end, without any read', async () => {
    const node = await newNode();
    const attempt = node.addAttempt();
    await node.run(hives[0].url, { scale: 0.1 });
    const run = startAgent(node, attempt, 'quiet', { lines: 70, forMs: 6000 });
    const ended = await run.ended;
    await run.written;
    await mirrored([attempt], 90_000, ended);
    node.drop();
  });

  happens('is complete, and equal, however often its connection is cut while it runs and afterwards', async () => {
    const node = await newNode();
    const proxy = await FaultProxy.listen({ target: () => Number(new URL(hives[0].url).port) });
    proxies.push(proxy);
    const cuts = cutAtRandom(node, proxy, { random: new Random(20), times: 20 });
    const attempts = [node.addAttempt(), node.addAttempt(), node.addAttempt()] as const;
    await node.run(`http://127.0.0.1:${proxy.port}`, { scale: 0.02 });
    const mayEnd = until(() => cuts() >= 20, 150_000, '20 cuts');
    const runs = [
      startAgent(node, attempts[0], 'printed', { lines: 400, forMs: 9000, writes: 'whileRunning', mayEnd }),
      startAgent(node, attempts[1], 'cut', { lines: 400, forMs: 4000, writes: 'whileRunning' }),
      startAgent(node, attempts[2], 'after', { lines: 400, forMs: 4000, writeForMs: 4000 }),
    ];
    await Promise.all(runs.map(({ written }) => written));
    await mirrored([...attempts], 60_000);
    node.drop();
  });

  happens('is complete if its rows are written long after the end, and the batch with them is lost', async () => {
    const node = await newNode();
    const attempt = node.addAttempt();
    await node.run(hives[1].url, { scale: 0.02 });
    const run = startAgent(node, attempt, 'late', { lines: 50, forMs: 1000, firstRowAfterMs: 14_000 });
    let lost = 0;
    node.cutsBefore = ({ type, data }) =>
      type === 'logs_batch' && data['execution_process_id'] === run.execution.frame.execution_id && lost++ === 0;
    await run.written;
    await until(() => lost > 0, 60_000, 'a batch is lost');
    await mirrored([attempt], 60_000);
    node.drop();
  });

  happens('is found if the connection died with its announcement', async () => {
    const node = await newNode();
    const attempt = node.addAttempt();
    node.addExecution(attempt, v1Rows(20));
    await node.run(hives[0].url, { scale: 0.02 });
    await mirrored([attempt], 60_000);
    const run = startAgent(node, attempt, 'unheard', { lines: 30, forMs: 1000, writeForMs: 0 });
    const lost = new Set<string>();
    // each frame about it, once
    node.cutsBefore = ({ type, data }) => {
      const id = data['execution_id'] ?? data['execution_process_id'];
      return id === run.execution.frame.execution_id && lost.size !== lost.add(type).size;
    };
    await run.written;
    await mirrored([attempt], 60_000);
    expect([...lost]).toEqual(['execution_sync', 'logs_batch']);
    node.drop();
  });
});

describe('a node', () => {
  happens('that is killed with all its requests out has its next attempt complete soon after its return', async () => {
    const alone = await smallAttemptsAlone(); // a busy machine is slow with these too
    const node = await newNode();
    const old = Array.from({ length: 8 }, () => node.addAttempt());
    for (const attempt of old) node.addExecution(attempt, v1Rows(100));
    node.isMute = true;
    await node.run(hives[1].url, { scale: 0.02 });
    await until(() => node.mostOutstanding >= 3, 60_000, 'requests are out');
    await sleep(3000); // as many as it will ask
    node.kill();
    await sleep(500);
    node.isMute = false;
    const next = node.addAttempt({ created_at: '2026-02-02T10:00:00Z' });
    node.addExecution(next, v1Rows(100));
    const returned = performance.now();
    await node.run(hives[1].url, { scale: 0.02 });
    await mirrored([next], (3 * alone + 15) * 1000, returned);
    await mirrored(old, 60_000, returned);
    node.drop();
  });

  happens('that moves between three hives, one of which is killed, has every line once', async () => {
    const node = await newNode();
    const attempts = [node.addAttempt(), node.addAttempt()] as const;
    await node.run(hives[0].url, { scale: 0.02 });
    const runs = [
      startAgent(node, attempts[0], 'moving', { lines: 600, forMs: 12_000, writes: 'whileRunning' }),
      startAgent(node, attempts[1], 'moved', { lines: 300, forMs: 8000, writeForMs: 3000 }),
    ];
    for (const hive of [1, 2, 0, 1] as const) {
      await sleep(1500);
      node.hiveUrl = hives[hive].url;
      node.cut();
    }
    const doomed = await world.startHive();
    node.hiveUrl = doomed.url;
    node.cut();
    await sleep(3000);
    await doomed.program.kill('SIGKILL');
    node.hiveUrl = hives[2].url;
    await Promise.all(runs.map(({ written }) => written));
    await mirrored([...attempts], 75_000);
    node.drop();
  });

  happensAlone('with one log of 75 MB has its small attempts complete soon, and the log once', async () => {
    const alone = await smallAttemptsAlone(); // a busy machine is slow with these too
    const node = await newNode();
    const small = addSmallAttempts(node);
    const large = node.addAttempt({ created_at: '2026-02-02T10:00:00Z' });
    const execution = node.addExecution(large, largeLog(75));
    execution.pushed = { status: 'completed', rows: execution.rows.length }; // to another hive, long ago
    let transfers = 0;
    node.observe = (from, { data }) => {
      if (from === 'node' && data['execution_process_id'] === execution.frame.execution_id) transfers++;
    };
    const began = performance.now();
    await node.run(hives[2].url, { scale: 0.1 });
    await mirrored(small, (3 * alone + 20) * 1000, began);
    const settled = async () => (await isMirrored(large)) || isTooLarge(await syncOf(large));
    await until(settled, 60_000, 'the large one is complete, or says why not');
    const before = transfers;
    await sleep(5000);
    expect(transfers).toBe(before);
    expect(transfers).toBeLessThanOrEqual(2);
    node.drop();
  });
});

function addSmallAttempts(node: ScriptedV1Node): V1Attempt[] {
  const small = Array.from({ length: 4 }, () => node.addAttempt());
  for (const attempt of small) node.addExecution(attempt, v1Rows(50));
  return small;
}

/** @returns the time in seconds until those of a node that has nothing else are complete */
async function smallAttemptsAlone(): Promise<number> {
  const node = await newNode();
  const small = addSmallAttempts(node);
  const began = performance.now();
  await node.run(hives[2].url, { scale: 0.1 });
  const took = await mirrored(small, 60_000, began);
  node.drop();
  return took;
}

interface Sync {
  state: string;
  last_error: string | null;
}

const isTooLarge = (sync: Sync) => JSON.stringify(sync).includes('too_large');

async function syncOf({ frame }: V1Attempt): Promise<Sync> {
  const path = `/v1/nodes/task-attempts/${frame.attempt_id}`;
  return (await world.get<{ sync: Sync }>(hives[2], path)).sync;
}

/**
 * Cuts the connection before random frames: half of the time at once, otherwise after frames that were written and are
 * lost on the way.
 * @returns how often it was cut
 */
function cutAtRandom(
  node: ScriptedV1Node,
  proxy: FaultProxy,
  { random, times }: { random: Random; times: number },
): () => number {
  let cuts = 0;
  let isStalled = false;
  node.cutsBefore = () => {
    if (cuts >= times || isStalled || !random.chance(0.15)) return false;
    cuts++;
    if (random.chance(0.5)) return true;
    isStalled = true;
    proxy.stall();
    setTimeout(
      () => {
        proxy.cut();
        proxy.resume();
        isStalled = false;
      },
      random.whole(1, 400),
    );
    return false;
  };
  return () => cuts;
}

/** @param megabytes its size as one message */
function largeLog(megabytes: number): V1Entry[] {
  return v1Rows(megabytes * 1024).map((row, index) => ({ ...row, content: `${index} `.padEnd(960, 'x') }));
}
