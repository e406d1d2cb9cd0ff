/**
 * A page of 1,000 lines at depth 0 and 1,000,000. Baseline: the same lines from a plain table of rows, by primary
 * key.
 */
import { Agent } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeCursor } from '../api/logs/cursor.js';
import { copyRows } from './lib/copy-rows.js';
import { median, percentile, printFigure, progress } from './lib/figures.js';
import { recordStore } from './lib/recorded-store.js';
import type { RunningHive, Stage } from './lib/stage.js';

const PAGE_LINES = 1000;

interface Answer {
  entries: { seq: number; content: string }[];
}

export async function read(stage: Stage, { quick }: { quick: boolean }): Promise<void> {
  const depth = quick ? 50_000 : 1_000_000;
  const reads = quick ? 20 : 200;
  const directory = join(stage.directory, 'node');
  progress(`read: storing ${depth + PAGE_LINES} lines, as pages and as rows`);
  recordStore(directory, { attempts: 1, executions: 1, lines: depth + PAGE_LINES });
  const hive = await stage.startHive();
  const node = await stage.connectNode(hive, directory);
  await stage.untilComplete(1);
  await node.stop();
  await copyRows(stage, depth + PAGE_LINES);
  await stage.database.query('VACUUM ANALYZE');
  const rows = stage.startHelper('bench/lib/rows-server-process', [stage.databaseUrl]);
  const rowsUrl = await rows.ask<string>('listen');
  const { id } = await stage.row<{ id: string }>('SELECT id FROM attempt');
  const ours = (after: number) => {
    const cursor = encodeCursor({ through: 0, positions: new Map([[1, after]]) });
    return `${hive.url}/v1/swarm/attempts/${id}/logs?limit=${PAGE_LINES}${after === 0 ? '' : `&cursor=${cursor}`}`;
  };
  const requests = {
    shallow: { url: ours(0), first: 1 },
    deep: { url: ours(depth), first: depth + 1 },
    rowsShallow: { url: `${rowsUrl}?after=0&limit=${PAGE_LINES}`, first: 1 },
    rowsDeep: { url: `${rowsUrl}?after=${depth}&limit=${PAGE_LINES}`, first: depth + 1 },
  };
  const agent = new Agent({ keepAlive: true });
  const times: Record<keyof typeof requests, number[]> = { shallow: [], deep: [], rowsShallow: [], rowsDeep: [] };
  for (let round = -20; round < reads; round++) {
    stage.signal.throwIfAborted();
    for (const name of Object.keys(requests) as (keyof typeof requests)[]) {
      const { url, first } = requests[name];
      const start = performance.now();
      const body = await stage.get(agent, url);
      const taken = performance.now() - start;
      const { entries } = JSON.parse(body) as Answer;
      if (entries.length !== PAGE_LINES || entries[0]?.seq !== first)
        throw new Error(`${name}: not the lines asked for`);
      if (round >= 0) times[name].push(taken);
    }
  }
  const during = await readDuringDrain(stage, hive, quick ? 30 : 500, () => stage.get(agent, requests.deep.url));
  agent.destroy();
  const figure = { benchmark: 'read', unit: 'ms', value: median(times.deep) };
  const depthNote = 'the same at depth 0';
  printFigure({
    ...figure,
    metric: 'deep_p50_ms',
    baseline: median(times.shallow),
    goal: 'ratio <= 1.1',
    note: depthNote,
  });
  const rowsNote = 'rows by primary key, by a bare HTTP server';
  printFigure({
    ...figure,
    metric: 'deep_p50_ms_of_rows',
    baseline: median(times.rowsDeep),
    goal: 'ratio <= 1',
    note: rowsNote,
  });
  const drainNote = `${during.length} reads while a drain runs on the same machine`;
  printFigure({
    benchmark: 'read',
    unit: 'ms',
    metric: 'p50_ms_during_drain',
    value: median(during),
    baseline: null,
    goal: null,
  });
  printFigure({
    benchmark: 'read',
    unit: 'ms',
    metric: 'p99_ms_during_drain',
    value: percentile(during, 99),
    baseline: null,
    goal: 'value < 50',
    note: drainNote,
  });
}

/**
 * Reads deep pages, one after another, while a node comes back with many attempts.
 * @returns how long each read took, in ms
 */
async function readDuringDrain(stage: Stage, hive: RunningHive, attempts: number, readDeep: () => Promise<unknown>) {
  const directory = join(stage.directory, 'drained');
  recordStore(directory, { attempts, executions: 2, lines: 50 });
  const node = await stage.connectNode(hive, directory);
  const times: number[] = [];
  const complete = "SELECT count(*)::int AS n FROM attempt_sync WHERE state = 'complete'";
  await stage.until(async () => (await stage.row<{ n: number }>(complete)).n > 1); // it has begun
  while ((await stage.row<{ n: number }>(complete)).n <= attempts) {
    stage.signal.throwIfAborted();
    const start = performance.now();
    await readDeep();
    times.push(performance.now() - start);
    await sleep(20);
  }
  await node.stop();
  return times;
}
