/** A node comes back with many small attempts. Baseline: the same number of workflows of Temporal alone. */
import { join } from 'node:path';
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, printFigure, progress } from './lib/figures.js';
import { cpuSeconds } from './lib/process-usage.js';
import { copyStore, recordStore } from './lib/recorded-store.js';
import { TemporalAlone } from './lib/temporal-alone.js';
import type { RunningHive, Stage } from './lib/stage.js';

/** Backfills of one node at once; the hive's default. */
const CONCURRENCY = 10;

export async function drain(stage: Stage, { quick }: { quick: boolean }): Promise<void> {
  const attempts = quick ? 30 : 500;
  const rounds = quick ? 1 : 3;
  const template = join(stage.directory, 'template');
  recordStore(template, { attempts, executions: 2, lines: 50 });
  const hive = await stage.startHive();
  const alone = await TemporalAlone.start(stage);
  await alone.executeMany(20, CONCURRENCY);
  await drainOnce(stage, hive, template, 'warm-up', attempts); // the first round makes the hive compile its code
  const rates: Record<'alone' | 'drain' | 'hiveCpu', number[]> = { alone: [], drain: [], hiveCpu: [] };
  for (let round = 1; round <= rounds; round++) {
    rates.alone.push(attempts / (await alone.executeMany(attempts, CONCURRENCY)));
    const before = cpuSeconds(hive.pid);
    rates.drain.push(attempts / (await drainOnce(stage, hive, template, `node-${round}`, attempts)));
    rates.hiveCpu.push(((cpuSeconds(hive.pid) - before) * 1000) / attempts);
    progress(`drain: round ${round}: ${JSON.stringify(rates)}`);
  }
  const figure = { benchmark: 'drain', baseline: median(rates.alone), note: 'Temporal alone' };
  const value = median(rates.drain);
  printFigure({ ...figure, metric: 'attempts_per_second', unit: 'attempts/s', value, goal: 'ratio >= 0.8' });
  const cpu = { value: median(rates.hiveCpu), unit: 'ms', baseline: null, goal: null };
  printFigure({ benchmark: 'drain', metric: 'hive_cpu_per_attempt', ...cpu });
}

/** @returns seconds from the node's login until its last attempt was complete, according to the hive's own records */
export async function drainOnce(stage: Stage, hive: RunningHive, template: string, name: string, attempts: number) {
  const directory = copyStore(template, join(stage.directory, name));
  const node = await stage.connectNode(hive, directory);
  await stage.untilComplete(attempts);
  const { seconds, lines } = await stage.row<{ seconds: number; lines: number }>(`
    SELECT extract(epoch FROM max(s.last_full_sync_at) - max(n.connected_at))::float8 AS seconds,
           (SELECT sum(last_seq - first_seq + 1)::int FROM log_page) AS lines
    FROM attempt_sync s JOIN node n ON n.id = s.node_id`);
  if (lines !== attempts * 100) throw new Error(`${lines} of ${attempts * 100} lines are stored`);
  await sleep(1000); // lets the drain itself end
  await node.stop();
  await stage.database.query('DELETE FROM node');
  rmSync(directory, { recursive: true, force: true });
  return seconds;
}
