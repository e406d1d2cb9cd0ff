/**
 * The console in a real Chromium: the first view on a slow network and processor, and a log of a million lines, whole
 * and growing. Times are the browser's own.
 */
import { openBrowser } from '../tests/console/harness/chromium.js';
import { Visits } from '../tests/console/harness/visits.js';
import { followMillion } from './lib/console/follow-million.js';
import { firstView } from './lib/console/first-view.js';
import { largeLog } from './lib/console/large-log.js';
import { liveOutput } from './lib/console/live-output.js';
import { manyAttempts } from './lib/console/many-attempts.js';
import type { Scene } from './lib/console/scene.js';
import type { Stage } from './lib/stage.js';

export async function consoleBenchmark(stage: Stage, { quick }: { quick: boolean }): Promise<void> {
  const hive = await stage.startHive();
  const browser = await openBrowser();
  try {
    const scene: Scene = { stage, hive, browser, visits: new Visits(browser), quick };
    for (const part of [firstView, manyAttempts, largeLog, liveOutput, followMillion]) {
      stage.signal.throwIfAborted();
      await part(scene);
      await scene.visits.end();
    }
  } finally {
    await browser.close();
  }
}
