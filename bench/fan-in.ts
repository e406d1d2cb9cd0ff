/** Thousands of idle nodes on one hive. Then all of them have something to backfill at once, while readers read. */
import { Agent } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { drainOnce } from './drain.js';
import { median, percentile, printFigure, progress } from './lib/figures.js';
import type { HelperProcess } from '../tests/harness/helper-process.js';
import { cpuSeconds, residentKib } from './lib/process-usage.js';
import { recordStore } from './lib/recorded-store.js';
import type { RunningHive, Stage } from './lib/stage.js';

const ATTEMPTS_PER_NODE = 2;
/** Before the storm, and the same number after it. */
const DRAINS = 2;
/** Each time, three reads. */
const READ_INTERVAL_MS = 150;

const HIVE = { HIVE_RECONCILE_INTERVAL_SECONDS: '60' };
const FIGURE = { benchmark: 'fan-in', baseline: null, goal: null };

export async function fanIn(stage: Stage, { quick }: { quick: boolean }): Promise<void> {
  const nodes = quick ? 200 : 5000;
  await measureIdle(stage, nodes, quick ? 5 : 60);
  await measureStorm(stage, nodes, quick ? 100 : 500);
}

/** On a hive that does nothing else. Includes what its first sockets make it load and compile. */
async function measureIdle(stage: Stage, nodes: number, idleSeconds: number): Promise<void> {
  const hive = await stage.startHive(HIVE);
  await sleep(idleSeconds * 1000);
  const before = residentKib(hive.pid);
  const fleet = await connectFleet(stage, hive, nodes);
  await sleep(idleSeconds * 1000);
  const cpuBefore = cpuSeconds(hive.pid);
  await sleep(idleSeconds * 1000);
  const cpu = (cpuSeconds(hive.pid) - cpuBefore) / idleSeconds;
  const kib = (residentKib(hive.pid) - before) / nodes;
  printFigure({ ...FIGURE, metric: 'kib_per_node', unit: 'KiB', value: kib, goal: 'value <= 40' });
  printFigure({ ...FIGURE, metric: 'idle_cpu_per_1000_nodes', unit: 'cores', value: (cpu * 1000) / nodes });
  await fleet.end();
  await hive.stop();
  await stage.database.query('DELETE FROM node');
}

/** The baseline is drains before and after it, because a machine's speed can change during the minutes of a storm. */
async function measureStorm(stage: Stage, nodes: number, drained: number): Promise<void> {
  const hive = await stage.startHive(HIVE);
  const before = await measureDrains(stage, hive, drained);
  const fleet = await connectFleet(stage, hive, nodes);
  const attempts = nodes * ATTEMPTS_PER_NODE;
  const { seconds, reads } = await storm(stage, hive, fleet, attempts);
  await fleet.end();
  await hive.stop();
  await stage.database.query('DELETE FROM node');
  const next = await stage.startHive(HIVE);
  const after = await measureDrains(stage, next, drained);
  await next.stop();
  const rate = { metric: 'storm_attempts_per_second', unit: 'attempts/s', value: attempts / seconds };
  const baseline = median([...before, ...after]);
  const note = 'drains of one node, before and after';
  printFigure({ ...FIGURE, ...rate, baseline, goal: 'ratio >= 0.7', note });
  printFigure({ ...FIGURE, metric: 'storm_seconds', unit: 's', value: seconds });
  const p99 = { unit: 'ms', value: percentile(reads, 99), note: `${reads.length} reads during the storm` };
  printFigure({ ...FIGURE, metric: 'read_p99_ms', ...p99, goal: 'value <= 250' });
}

/** @returns attempts per second of each drain */
async function measureDrains(stage: Stage, hive: RunningHive, attempts: number): Promise<number[]> {
  const template = join(stage.directory, `template-${hive.pid}`);
  recordStore(template, { attempts, executions: 2, lines: 50 });
  await drainOnce(stage, hive, template, `warm-up-${hive.pid}`, attempts);
  const rates: number[] = [];
  for (let round = 1; round <= DRAINS; round++) {
    rates.push(attempts / (await drainOnce(stage, hive, template, `drained-${hive.pid}-${round}`, attempts)));
  }
  progress(`fan-in: drains: ${JSON.stringify(rates)} attempts/s`);
  return rates;
}

async function connectFleet(stage: Stage, hive: RunningHive, nodes: number): Promise<HelperProcess> {
  const fleet = stage.startHelper('bench/lib/fleet-process', [hive.url.replace(/^http/, 'ws')]);
  await fleet.ask('create', await stage.newKeys(nodes));
  const start = performance.now();
  await fleet.ask('connect');
  progress(`fan-in: ${nodes} nodes logged in within ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return fleet;
}

/** All sockets break, and all nodes come back with attempts that the hive has not seen. */
async function storm(stage: Stage, hive: RunningHive, fleet: HelperProcess, attempts: number) {
  const ended = new AbortController();
  const start = performance.now();
  const reading = readMeanwhile(stage, hive, ended.signal);
  try {
    await fleet.ask('storm', ATTEMPTS_PER_NODE);
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
 * Reads the newest attempts and their logs until the signal aborts. A read of a partial attempt also starts its
 * backfill, as for any reader.
 * @returns how long each read took, in ms
 */
async function readMeanwhile(stage: Stage, hive: RunningHive, ended: AbortSignal): Promise<number[]> {
  const agent = new Agent({ keepAlive: true });
  const times: number[] = [];
  const failures: unknown[] = [];
  const pending = new Set<Promise<unknown>>();
  const read = async (path: string) => {
    const start = performance.now();
    const body = await stage.get(agent, hive.url + path);
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
