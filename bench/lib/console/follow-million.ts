/** Whether a tab that follows for long grows. */
import { progress } from '../figures.js';
import { followLive } from './live-attempt.js';
import { BrowserProcesses, heapMib } from './renderer.js';
import { print, type Scene } from './scene.js';

/** More than an agent prints, so that a million lines do not take ten minutes. */
const LINES_PER_SECOND = 8000;

export async function followMillion(scene: Scene): Promise<void> {
  const [first, last] = scene.quick ? [10_000, 40_000] : [100_000, 1_000_000];
  progress(`console: following ${last} lines`);
  const { page, log, node } = await followLive(scene, LINES_PER_SECOND);
  const processes = await BrowserProcesses.of(scene.browser);
  const look = async () => ({ heap: await heapMib(page), resident: (await processes.usage()).residentMib });
  await scene.stage.until(async () => (await log.lastDrawn()) >= first, 120_000, 250);
  const early = await look();
  await scene.stage.until(async () => (await log.lastDrawn()) >= last, 600_000, 1000);
  const late = await look();
  await node.ask('stop');
  const note = `after ${last} followed lines; baseline: after ${first}`;
  const mib = { unit: 'MiB', note };
  print({ ...mib, metric: 'followed_heap_mib', value: late.heap, baseline: early.heap, goal: 'ratio <= 1.2' });
  print({
    ...mib,
    metric: 'followed_resident_mib',
    value: late.resident,
    baseline: early.resident,
    goal: 'ratio <= 1.2',
  });
}
