/** Thousands of idle nodes on one hive, then all of them at once with something to backfill, while readers read. */
import { Agent } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { drainOnce } from './drain.js';
import { percentile, printFigure, progress } from './lib/figures.js';
import type { HelperProcess } from './lib/helper-process.js';
import { getBody } from './lib/get-body.js';
import { makeKeys } from './lib/node-keys.js';
import { cpuSeconds, residentKib } from './lib/process-usage.js';
import { recordStore } from './lib/recorded-store.js';
import type { RunningHive, Stage } from './lib/stage.js';

const ATTEMPTS_A_NODE = 2;
/** Three reads each. */
const READ_INTERVAL_MS = 150;

export async function fanIn(stage: Stage, { quick }: { quick: boolean }): Promise<void> {
  const nodes = quick ? 200 : 5000;
  const idleSeconds = quick ? 5 : 60;
  const settings = { HIVE_RECONCILE_INTERVAL_SECONDS: '60' };
  const drained = await stage.startHive(settings);
  const drainRate = await measureDrain(stage, drained, quick ? 30 : 500);
  await drained.stop();
  // another process: what a drain leaves free in the heap the nodes would fill, and seem to take nothing
  const hive = await stage.startHive(settings);
  await sleep(5000);
  const fleet = stage.startHelper('fleet-process', [hive.url.replace(/^http/, 'ws')]);
  await fleet.ask('create', await makeKeys(stage, nodes));

  const before = residentKib(hive.pid);
  const loginStart = performance.now();
  await fleet.ask('connect');
  progress(`fan-in: ${nodes} nodes logged in within ${((performance.now() - loginStart) / 1000).toFixed(1)} s`);
  await sleep(idleSeconds * 1000);
  const cpuBefore = cpuSeconds(hive.pid);
  await sleep(idleSeconds * 1000);
  const cpu = (cpuSeconds(hive.pid) - cpuBefore) / idleSeconds;
  const kib = (residentKib(hive.pid) - before) / nodes;
  const figure = { benchmark: 'fan-in', baseline: null, goal: null };
  printFigure({ ...figure, metric: 'kib_per_node', unit: 'KiB', value: kib, goal: 'value <= 40' });
  printFigure({ ...figure, metric: 'idle_cpu_per_1000_nodes', unit: 'cores', value: (cpu * 1000) / nodes });

  const attempts = nodes * ATTEMPTS_A_NODE;
  const { seconds, reads } = await storm(stage, hive, fleet, attempts);
  const rate = { metric: 'storm_attempts_per_second', unit: 'attempts/s', value: attempts / seconds };
  printFigure({ ...figure, ...rate, baseline: drainRate, goal: 'ratio >= 0.7', note: 'drain of one node' });
  printFigure({ ...figure, metric: 'storm_seconds', unit: 's', value: seconds });
  const p99 = { unit: 'ms', value: percentile(reads, 99), note: `${reads.length} reads during the storm` };
  printFigure({ ...figure, metric: 'read_p99_ms', ...p99, goal: 'value <= 250' });
}

/** @returns attempts per second */
async function measureDrain(stage: Stage, hive: RunningHive, attempts: number): Promise<number> {
  const template = join(stage.directory, 'template');
  recordStore(template, { attempts, executions: 2, lines: 50 });
  await drainOnce(stage, hive, template, 'warm-up', attempts);
  return attempts / (await drainOnce(stage, hive, template, 'drained', attempts));
}

/** All sockets break; all nodes come back with attempts that the hive has not seen. */
async function storm(stage: Stage, hive: RunningHive, fleet: HelperProcess, attempts: number) {
  const ended = new AbortController();
  const start = performance.now();
  const reading = readMeanwhile(stage, hive, ended.signal);
  try {
    await fleet.ask('storm', ATTEMPTS_A_NODE);
    await stage.untilComplete(attempts, 3_600_000);
  } finally {
    ended.abort();
  }
  const seconds = (performance.now() - start) / 1000;
  const reads = await reading;
  const { lines } = await stage.row<{ lines: number }>('SELECT sum(last_seq)::int AS lines FROM log_page');
  const expected = await fleet.ask<number>('lines');
  if (lines !== expected) throw new Error(`${lines} of ${expected} lines are stored`);
  return { seconds, reads };
}

/**
 * Reads of the newest attempts and of logs; a read of a partial attempt also starts its backfill, as any reader's.
 * @returns how long each took, in ms
 */
async function readMeanwhile(stage: Stage, hive: RunningHive, ended: AbortSignal): Promise<number[]> {
  const agent = new Agent({ keepAlive: true });
  const times: number[] = [];
  const failures: unknown[] = [];
  const pending = new Set<Promise<unknown>>();
  const read = async (path: string) => {
    const start = performance.now();
    const body = await getBody(agent, hive.url + path, stage.authorization);
    times.push(performance.now() - start);
    return body;
  };
  const readSome = async () => {
    const page = JSON.parse(await read('/v1/swarm/attempts?limit=20')) as { attempts: { id: string }[] };
    const id = page.attempts[Math.floor(Math.random() * page.attempts.length)]?.id;
    if (id === undefined) return;
    await read(`/v1/nodes/task-attempts/${id}`);
    await read(`/v1/swarm/attempts/${id}/logs`);
  };
  while (!ended.aborted) {
    const reading = readSome()
      .catch((error: unknown) => failures.push(error))
      .finally(() => pending.delete(reading));
    pending.add(reading);
    await sleep(READ_INTERVAL_MS);
  }
  await Promise.all(pending);
  agent.destroy();
  if (failures.length > 0) throw new Error(`${failures.length} reads failed`, { cause: failures[0] });
  return times;
}
