/**
 * A backfill of one long execution, from node process to hive process. Baselines: COPY of rows, and the socket alone.
 * The first backfill is not counted, because a hive that has just started still compiles its code.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { copyRows } from './lib/copy-rows.js';
import { median, printFigure, progress } from './lib/figures.js';
import { cpuSeconds, forgetPeak, peakKib, residentKib } from './lib/process-usage.js';
import { copyStore, recordStore } from './lib/recorded-store.js';
import { throughSocket } from './lib/through-socket.js';
import type { RunningHive, Stage } from './lib/stage.js';

const MEMORY_GOAL_MIB = 128;

export async function logs(stage: Stage, { quick }: { quick: boolean }): Promise<void> {
  const lines = quick ? 50_000 : 1_000_000;
  const rounds = quick ? 2 : 5;
  const template = join(stage.directory, 'template');
  progress(`logs: recording ${lines} lines`);
  recordStore(template, { attempts: 1, executions: 1, lines });
  const hive = await stage.startHive();
  const idle = await idleMemory(stage, hive);
  forgetPeak(hive.pid);
  const rates: Record<'copy' | 'socket' | 'backfill', number[]> = { copy: [], socket: [], backfill: [] };
  const nodePeaks: number[] = [];
  const cpu: Record<'hive' | 'node', number[]> = { hive: [], node: [] };
  await backfillOnce(stage, hive, copyStore(template, join(stage.directory, 'warm-up')), lines);
  await settle(stage.database);
  for (let round = 1; round <= rounds; round++) {
    rates.copy.push(lines / (await copyRows(stage, lines)));
    await settle(stage.database);
    rates.socket.push(lines / (await throughSocket(stage, lines)));
    const backfill = await backfillOnce(
      stage,
      hive,
      copyStore(template, join(stage.directory, `node-${round}`)),
      lines,
    );
    rates.backfill.push(lines / backfill.seconds);
    nodePeaks.push(backfill.nodePeakKib);
    cpu.hive.push((backfill.hiveCpuSeconds * 1e6) / lines);
    cpu.node.push((backfill.nodeCpuSeconds * 1e6) / lines);
    await settle(stage.database);
    progress(`logs: round ${round}: ${JSON.stringify({ ...rates, cpu })}`);
  }
  const figure = { benchmark: 'logs', unit: 'lines/s' };
  const value = median(rates.backfill);
  const copy = median(rates.copy);
  printFigure({
    ...figure,
    metric: 'lines_per_second',
    value,
    baseline: copy,
    goal: 'ratio >= 3',
    note: 'COPY of rows',
  });
  const socket = { baseline: median(rates.socket), note: 'the uncompressed bytes through a socket' };
  printFigure({ ...figure, metric: 'lines_per_second_of_socket', value, goal: null, ...socket });
  for (const name of ['hive', 'node'] as const) {
    const seconds = { value: median(cpu[name]), baseline: null, unit: 's', goal: null };
    printFigure({ benchmark: 'logs', metric: `${name}_cpu_per_million_lines`, ...seconds });
  }
  const memory = { benchmark: 'logs', unit: 'MiB', goal: `value - baseline <= ${MEMORY_GOAL_MIB}`, note: 'idle' };
  const hiveMemory = { value: peakKib(hive.pid) / 1024, baseline: idle.hiveKib / 1024 };
  printFigure({ ...memory, metric: 'hive_peak_memory', ...hiveMemory });
  const nodeMemory = { value: Math.max(...nodePeaks) / 1024, baseline: idle.nodeKib / 1024 };
  printFigure({ ...memory, metric: 'node_peak_memory', ...nodeMemory });
}

/** Resident memory of a hive with a connected node that has recorded nothing, and of that node. */
async function idleMemory(stage: Stage, hive: RunningHive): Promise<{ hiveKib: number; nodeKib: number }> {
  const node = await stage.connectNode(hive, join(stage.directory, 'idle-node'));
  await stage.until(async () => (await stage.row<{ n: number }>('SELECT count(*)::int AS n FROM node_lease')).n === 1);
  await sleep(3000);
  const idle = { hiveKib: residentKib(hive.pid), nodeKib: residentKib(node.pid) };
  await node.stop();
  return idle;
}

/** Times the backfill alone: from the start of its workflow to its end, according to Temporal. */
async function backfillOnce(stage: Stage, hive: RunningHive, directory: string, lines: number) {
  const hiveCpuBefore = cpuSeconds(hive.pid);
  const node = await stage.connectNode(hive, directory);
  await stage.untilComplete(1);
  const nodePeakKib = peakKib(node.pid);
  const hiveCpuSeconds = cpuSeconds(hive.pid) - hiveCpuBefore;
  const nodeCpuSeconds = cpuSeconds(node.pid);
  const { workflowId, stored } = await stage.row<{ workflowId: string; stored: number }>(
    `SELECT 'backfill/' || a.id || '@' || i.name AS "workflowId",
            (SELECT sum(last_seq - first_seq + 1)::int FROM log_page) AS stored
     FROM attempt a CROSS JOIN installation i`,
  );
  if (stored !== lines) throw new Error(`${stored} of ${lines} lines are stored`);
  const backfill = stage.temporal.workflow.getHandle(workflowId);
  let description = await backfill.describe();
  while (!description.closeTime) description = await backfill.describe();
  await node.stop();
  await stage.database.query('DELETE FROM node');
  rmSync(directory, { recursive: true, force: true });
  const seconds = (description.closeTime.getTime() - description.startTime.getTime()) / 1000;
  return { seconds, nodePeakKib, hiveCpuSeconds, nodeCpuSeconds };
}

/** Makes PostgreSQL finish the work that one measurement leaves behind before the next one starts. */
async function settle(database: pg.Pool): Promise<void> {
  await database.query('CHECKPOINT');
}
