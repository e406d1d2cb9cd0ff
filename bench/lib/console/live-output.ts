/** What following a log costs the tab that follows it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { progress } from '../figures.js';
import { followLive } from './live-attempt.js';
import { BrowserProcesses } from './renderer.js';
import { longestTask, print, type Scene } from './scene.js';

const LINES_PER_SECOND = 2000;

export async function liveOutput(scene: Scene): Promise<void> {
  const seconds = scene.quick ? 5 : 30;
  progress(`console: following ${LINES_PER_SECOND} lines/s`);
  const { page, log, node } = await followLive(scene, LINES_PER_SECOND);
  const processes = await BrowserProcesses.of(scene.browser);
  await sleep(scene.quick ? 2000 : 10_000); // the page has compiled its code
  const drawnBefore = await log.lastDrawn();
  const tasksFrom = await page.evaluate<number>('performance.now()');
  const before = { at: performance.now(), ...(await processes.usage()) };
  await sleep(seconds * 1000);
  const after = { at: performance.now(), ...(await processes.usage()) };
  const printed = await node.ask<number>('printed');
  const drawn = await log.lastDrawn();
  await node.ask('stop');
  const taken = (after.at - before.at) / 1000;
  const longest = await longestTask(page, tasksFrom);
  const note = `the tab's process, at ${LINES_PER_SECOND} lines/s`;
  const cores = { unit: 'cores', goal: null };
  print({
    ...cores,
    metric: 'live_tab_cpu',
    value: (after.renderers - before.renderers) / taken,
    goal: 'value < 0.3',
    note,
  });
  print({
    ...cores,
    metric: 'live_browser_cpu',
    value: (after.browser - before.browser) / taken,
    note: 'all its processes',
  });
  print({ metric: 'live_drawn_lines_per_second', unit: 'lines/s', value: (drawn - drawnBefore) / taken, goal: null });
  print({
    metric: 'live_behind_lines',
    unit: 'lines',
    value: printed - drawn,
    goal: null,
    note: 'printed, not yet drawn',
  });
  print({ metric: 'live_longest_task_ms', unit: 'ms', value: longest, goal: null, note: '0: no task over 50 ms' });
}
