/** A list of a hundred thousand attempts: opened, scrolled through, gone to the end of. */
import { until } from '../../../tests/harness/until.js';
import { median, percentile, progress } from '../figures.js';
import type { Stage } from '../stage.js';
import { drawn, frameTimes, longestTask, openMeasured, print, type Scene } from './scene.js';

/** A hundred thousand take half a minute. */
const COUNTED_MS = 10 * 60_000;
const ROW = '[role=row][data-attempt]';

export async function manyAttempts(scene: Scene): Promise<void> {
  const { stage, hive, quick } = scene;
  const attempts = quick ? 5000 : 100_000;
  progress(`console: storing ${attempts} attempts`);
  await storeAttempts(stage, attempts);
  const total = (await stage.row<{ n: number }>('SELECT count(*)::int AS n FROM attempt')).n;
  await untilCounted(stage, total);
  const opened: number[] = [];
  const gone: number[] = [];
  for (let round = 0; round < (quick ? 2 : 7); round++) {
    const page = await openMeasured(scene);
    await page.goto(`${hive.url}/attempts`, { waitUntil: 'commit' });
    opened.push(await drawn(page, ROW));
    await page.waitForTimeout(500);
    const from = await page.evaluate<number>('performance.now()');
    await page.keyboard.press('Shift+G');
    gone.push((await drawn(page, `${ROW}[aria-rowindex="${total + 1}"]`)) - from);
    await scene.visits.end();
  }
  const note = `of ${total} attempts`;
  print({ metric: 'attempts_open_p50_ms', unit: 'ms', value: median(opened), goal: 'value < 1000', note });
  print({ metric: 'attempts_to_oldest_p50_ms', unit: 'ms', value: median(gone), goal: 'value < 300', note });

  const page = await openMeasured(scene);
  await page.goto(`${hive.url}/attempts`, { waitUntil: 'commit' });
  await drawn(page, ROW);
  await page.waitForTimeout(1000);
  await page.getByRole('grid', { name: 'Attempts' }).hover();
  const since = await page.evaluate<number>('performance.now()');
  const frames = await frameTimes(page, quick ? 2000 : 8000, 900);
  const longest = await longestTask(page, since);
  print({
    metric: 'attempts_scroll_longest_task_ms',
    unit: 'ms',
    value: longest,
    goal: 'value <= 50',
    note: '0: no task over 50 ms',
  });
  print({ metric: 'attempts_scroll_frame_p95_ms', unit: 'ms', value: percentile(frames, 95), goal: null });
}

/** The hive takes a while to note so many changes. Until then its counters, which the list goes by, tell fewer. */
async function untilCounted(stage: Stage, total: number): Promise<void> {
  const counted = 'SELECT coalesce(sum(attempts), 0)::int AS n FROM attempt_count';
  progress('console: waiting until the hive has counted them');
  const isCounted = async () => stage.signal.aborted || (await stage.row<{ n: number }>(counted)).n >= total;
  await until(isCounted, COUNTED_MS, 'the hive has counted them');
  stage.signal.throwIfAborted();
}

/** Clones one that is there, because a statement for each would take minutes. */
async function storeAttempts(stage: Stage, count: number): Promise<void> {
  await stage.database.query(
    `INSERT INTO attempt (id, organization_id, node_id, revision, execution_count, executor, title, created_at, metadata)
     SELECT gen_random_uuid(), organization_id, node_id, revision, 0, executor, 'attempt ' || n,
       created_at + n * interval '1 second', metadata
     FROM (SELECT * FROM attempt LIMIT 1) AS one CROSS JOIN generate_series(1, $1::int) AS n`,
    [count],
  );
  await stage.database.query(
    `INSERT INTO attempt_sync (attempt_id, node_id, state, needs_backfill, attempt_created_at)
     SELECT id, node_id, 'complete', false, created_at FROM attempt
     WHERE NOT EXISTS (SELECT FROM attempt_sync WHERE attempt_id = attempt.id)`,
  );
  await stage.database.query('VACUUM ANALYZE');
}
