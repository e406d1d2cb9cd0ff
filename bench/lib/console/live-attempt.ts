/** One node whose agent prints at a steady rate, and a page that follows it. */
import type { Page } from 'playwright-core';
import { LogPage } from '../../../tests/console/harness/log-page.js';
import type { HelperProcess } from '../../../tests/harness/helper-process.js';
import type { LiveNodes } from '../live-nodes-process.js';
import { openMeasured, type Scene } from './scene.js';

export interface LiveAttempt {
  page: Page;
  log: LogPage;
  node: HelperProcess;
}

export async function followLive(scene: Scene, linesPerSecond: number): Promise<LiveAttempt> {
  const { stage, hive } = scene;
  const node = stage.startHelper('bench/lib/live-nodes-process');
  const start: LiveNodes = { url: hive.url.replace(/^http/, 'ws'), keys: await stage.newKeys(1), linesPerSecond };
  const [attemptId = ''] = await node.ask<string[]>('start', start);
  const known = "SELECT count(*)::int AS n FROM execution WHERE status = 'running' AND attempt_id = $1";
  await stage.until(async () => (await stage.row<{ n: number }>(known, [attemptId])).n === 1);
  const page = await openMeasured(scene);
  await page.goto(`${hive.url}/attempts/${attemptId}`);
  const log = new LogPage(page);
  await log.region.waitFor();
  await node.ask('print');
  await stage.until(async () => (await log.lastDrawn()) > 0);
  return { page, log, node };
}
