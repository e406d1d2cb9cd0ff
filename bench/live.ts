/**
 * Many nodes push what they record while readers follow: how long after it was printed does a line come out of the
 * API?
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { PAGE_TARGET_LINES } from '../protocol/limits.js';
import { followLog } from './lib/follow-log.js';
import { percentile, printFigure, progress } from './lib/figures.js';
import type { LiveNodes } from './lib/live-nodes-process.js';
import { cpuSeconds } from './lib/process-usage.js';
import type { Stage } from './lib/stage.js';

const LINES_PER_SECOND = 100;
/** More than one, so that the nodes don't share one thread: real nodes are on different machines. */
const PROCESSES = 4;

export async function live(stage: Stage, { quick }: { quick: boolean }): Promise<void> {
  const nodes = quick ? 20 : 200;
  const seconds = quick ? 5 : 30;
  const readers = Math.min(nodes, 20);
  const hive = await stage.startHive();
  const recording = Array.from({ length: PROCESSES }, () => stage.startHelper('bench/lib/live-nodes-process'));
  const all = <T>(name: string, argument?: unknown) =>
    Promise.all(recording.map((part) => part.ask<T>(name, argument)));
  const keys = await stage.newKeys(nodes);
  const url = hive.url.replace(/^http/, 'ws');
  const started = recording.map((part, index) => {
    const start: LiveNodes = {
      url,
      keys: keys.filter((_, k) => k % PROCESSES === index),
      linesPerSecond: LINES_PER_SECOND,
    };
    return part.ask<string[]>('start', start);
  });
  const attempts = (await Promise.all(started)).flat();
  const known = "SELECT count(*)::int AS n FROM execution WHERE status = 'running'";
  await stage.until(async () => (await stage.row<{ n: number }>(known)).n === nodes, 120_000);

  const following = new AbortController();
  const lags: number[] = [];
  const followed = attempts
    .filter((_, index) => index % Math.ceil(nodes / readers) === 0)
    .map((id) => followLog(stage, hive, id, following.signal, (printedAt) => lags.push(Date.now() - printedAt)));
  await all('print');
  await sleep((PAGE_TARGET_LINES / LINES_PER_SECOND) * 1000 + 5000); // by then the last of them prints and the rates are steady
  lags.length = 0;
  const before = await look();
  await sleep(seconds * 1000);
  const after = await look();
  const measured = lags.slice();
  await all('stop');
  const printed = (await all<number>('printed')).reduce((sum, lines) => sum + lines, 0);
  await stage.until(async () => (await storedLines(stage)) === printed, 120_000);
  following.abort();
  await Promise.all(followed);
  progress(`live: ${printed} lines printed and stored, ${measured.length} seen by ${readers} readers`);

  const figure = { benchmark: 'live', baseline: null, goal: null };
  const taken = after.time - before.time;
  printFigure({ ...figure, metric: 'lag_p50_ms', unit: 'ms', value: percentile(measured, 50) });
  printFigure({ ...figure, metric: 'lag_p99_ms', unit: 'ms', value: percentile(measured, 99), goal: 'value < 1000' });
  const expected = { baseline: nodes * LINES_PER_SECOND, note: 'what the nodes print' };
  const stored = (after.lines - before.lines) / taken;
  printFigure({ ...figure, metric: 'lines_per_second', unit: 'lines/s', value: stored, ...expected });
  const pages = (after.pages - before.pages) / taken;
  printFigure({ ...figure, metric: 'pages_per_second', unit: 'pages/s', value: pages });
  const transactions = { value: (after.transactions - before.transactions) / taken, unit: 'transactions/s' };
  printFigure({ ...figure, metric: 'transactions_per_second', ...transactions, note: 'of the whole database' });
  for (const name of ['hive', 'nodes', 'postgres'] as const) {
    const cores = (after[name] - before[name]) / taken;
    printFigure({ ...figure, metric: `${name}_cpu`, unit: 'cores', value: cores });
  }

  async function look() {
    return {
      time: performance.now() / 1000,
      ...(await stage.row<{ lines: number; pages: number; transactions: number }>(TOTALS)),
      hive: cpuSeconds(hive.pid),
      nodes: recording.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0),
      postgres: await postgresCpuSeconds(stage),
    };
  }
}

const TOTALS = `
  SELECT (SELECT sum(stored_lines)::int FROM execution) AS lines, (SELECT count(*)::int FROM log_page) AS pages,
    (SELECT xact_commit::int FROM pg_stat_database WHERE datname = current_database()) AS transactions`;

/** CPU time of the processes that serve now: enough, because a hive keeps its connections. */
async function postgresCpuSeconds(stage: Stage): Promise<number> {
  const { pids } = await stage.row<{ pids: number[] }>('SELECT array_agg(pid) AS pids FROM pg_stat_activity');
  return pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
}

async function storedLines(stage: Stage): Promise<number> {
  return (await stage.row<{ n: number }>('SELECT coalesce(sum(stored_lines), 0)::int AS n FROM execution')).n;
}
