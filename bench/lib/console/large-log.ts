/** A log of a million lines: opened at its end, jumped in, scrolled through. */
import type { Page } from 'playwright-core';
import { LogPage } from '../../../tests/console/harness/log-page.js';
import { median, percentile, progress } from '../figures.js';
import { storeLog } from '../store-log.js';
import { drawn, frameTimes, lineSelector, longestTask, openMeasured, print, type Scene } from './scene.js';

export async function largeLog(scene: Scene): Promise<void> {
  const { stage, hive, quick } = scene;
  const lines = quick ? 50_000 : 1_000_000;
  const rounds = quick ? 2 : 9;
  progress(`console: storing ${lines} lines`);
  const attemptId = await storeLog(stage, lines);
  await stage.database.query('VACUUM ANALYZE');
  const url = `${hive.url}/attempts/${attemptId}`;

  const opened: number[] = [];
  const jumped: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const page = await openMeasured(scene);
    await page.goto(url, { waitUntil: 'commit' });
    opened.push(await drawn(page, lineSelector(lines)));
    const middle = lines / 2;
    jumped.push(await page.evaluate<number>(`timings.jump('#L${middle}', '${lineSelector(middle)}')`));
    await scene.visits.end();
  }
  print({ metric: 'open_at_end_p50_ms', unit: 'ms', value: median(opened), goal: 'value < 1000' });
  print({ metric: 'open_at_end_max_ms', unit: 'ms', value: Math.max(...opened), goal: null });
  const note = `to line ${lines / 2}, which was not loaded`;
  print({ metric: 'jump_p50_ms', unit: 'ms', value: median(jumped), goal: 'value < 300', note });
  print({ metric: 'jump_max_ms', unit: 'ms', value: Math.max(...jumped), goal: null });

  const page = await openMeasured(scene);
  await page.goto(url, { waitUntil: 'commit' });
  await drawn(page, lineSelector(lines));
  await page.waitForTimeout(1000);
  await scroll(page, quick);
}

/** Turns the wheel as fast as a screen is drawn, up and down; then tears at the scroll bar. */
async function scroll(page: Page, quick: boolean): Promise<void> {
  const log = new LogPage(page);
  await log.region.hover();
  const turns = quick ? 100 : 600;
  const from = await page.evaluate<number>('performance.now()');
  for (let turn = 0; turn < turns; turn++) {
    await page.mouse.wheel(0, turn % 200 < 150 ? -600 : 600);
    await page.waitForTimeout(16);
  }
  await page.waitForTimeout(500);
  const wheeled = await longestTask(page, from);
  const torn = await page.evaluate<number>('performance.now()');
  for (let turn = 0; turn < 40; turn++) {
    const part = ((turn * 37) % 100) / 100;
    await log.tear(part);
    await page.waitForTimeout(50);
  }
  await page.waitForTimeout(500);
  const goal = 'value <= 50';
  const note = `${turns} turns of the wheel; 0: no task over 50 ms`;
  print({ metric: 'scroll_longest_task_ms', unit: 'ms', value: wheeled, goal, note });
  const tornNote = 'the scroll bar torn to 40 places; 0: no task over 50 ms';
  print({
    metric: 'scroll_bar_longest_task_ms',
    unit: 'ms',
    value: await longestTask(page, torn),
    goal,
    note: tornNote,
  });
  const frames = await frameTimes(page, 2000, -300);
  print({
    metric: 'frame_p95_ms',
    unit: 'ms',
    value: percentile(frames, 95),
    goal: null,
    note: 'while the wheel turns',
  });
}
