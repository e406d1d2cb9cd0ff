/** A read of a partial attempt until it is complete. Baseline: one workflow execution of Temporal alone. */
import { Agent } from 'node:http';
import { join } from 'node:path';
import { percentile, printFigure, progress } from './lib/figures.js';
import { recordStore } from './lib/recorded-store.js';
import { TemporalAlone } from './lib/temporal-alone.js';
import type { RunningHive, Stage } from './lib/stage.js';

const LINES = 100;

export async function latency(stage: Stage, { quick }: { quick: boolean }): Promise<void> {
  const reads = quick ? 10 : 200;
  const attempts = 20;
  const directory = join(stage.directory, 'node');
  recordStore(directory, { attempts, executions: 1, lines: LINES });
  const hive = await stage.startHive();
  const alone = await TemporalAlone.start(stage);
  await stage.connectNode(hive, directory);
  await stage.untilComplete(attempts);
  const { rows } = await stage.database.query<{ id: string }>('SELECT id FROM attempt ORDER BY id');
  const agent = new Agent({ keepAlive: true });
  const times: Record<'alone' | 'read', number[]> = { alone: [], read: [] };
  for (let index = -10; index < reads; index++) {
    const id = rows[(index + 10) % rows.length]?.id ?? '';
    await makePartial(stage, id);
    const read = await timed(() => readComplete(stage, hive, agent, id));
    const execute = await timed(() => alone.execute());
    if (index < 0) continue; // warm-up
    times.read.push(read);
    times.alone.push(execute);
    if (index % 50 === 49) progress(`latency: ${index + 1} of ${reads}`);
  }
  agent.destroy();
  for (const [metric, percent, goal] of [
    ['p50_ms', 50, 'ratio <= 1.3'],
    ['p95_ms', 95, 'ratio <= 1.5'],
  ] as const) {
    const [value, baseline] = [percentile(times.read, percent), percentile(times.alone, percent)];
    printFigure({ benchmark: 'latency', metric, unit: 'ms', value, baseline, goal, note: 'Temporal alone' });
  }
}

/** Puts the attempt back to the state before its first backfill: announced, with no line stored. */
async function makePartial(stage: Stage, attemptId: string): Promise<void> {
  await stage.database.query(
    `WITH emptied AS (
       UPDATE execution SET stored_lines = 0, stdout_lines = 0, stderr_lines = 0, system_lines = 0
       WHERE attempt_id = $1 RETURNING id
     ), removed AS (DELETE FROM log_page USING emptied WHERE execution_id = emptied.id)
     UPDATE attempt_sync SET state = 'partial', needs_backfill = true, run_id = NULL WHERE attempt_id = $1`,
    [attemptId],
  );
}

async function readComplete(stage: Stage, hive: RunningHive, agent: Agent, attemptId: string): Promise<void> {
  const body = await stage.get(agent, `${hive.url}/v1/nodes/task-attempts/${attemptId}?wait=30`);
  const { sync } = JSON.parse(body) as { sync: { state: string; lines_stored: number } };
  if (sync.state !== 'complete' || sync.lines_stored !== LINES) throw new Error(`not complete: ${body}`);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
