import type { Browser, Page } from 'playwright-core';
import { inPage, type Visits } from '../../../tests/console/harness/visits.js';
import { printFigure, type Figure } from '../figures.js';
import type { RunningHive, Stage } from '../stage.js';

/** What each part of the console's benchmark has. */
export interface Scene {
  stage: Stage;
  hive: RunningHive;
  browser: Browser;
  visits: Visits;
  quick: boolean;
}

export const lineSelector = (line: number): string => `[data-line="${line}"]`;

/** Opens an empty page whose documents measure themselves, signed in. */
export async function openMeasured({ stage, hive, visits }: Scene): Promise<Page> {
  const page = await visits.open(hive.url, undefined, { token: stage.adminToken });
  await page.addInitScript({ path: inPage('timings.js') });
  return page;
}

/** @returns when the selector's element was drawn, in ms since the navigation */
export function drawn(page: Page, selector: string): Promise<number> {
  return page.evaluate<number>(`timings.drawn(${JSON.stringify(selector)})`);
}

/** @returns the longest task since then, in ms; 0 if none took more than 50 ms */
export function longestTask(page: Page, since: number): Promise<number> {
  return page.evaluate<number>(
    `Math.max(0, ...timings.longTasks.filter(({ start }) => start >= ${since}).map(({ ms }) => ms))`,
  );
}

/** Turns the wheel over what the pointer is over, as fast as a screen is drawn. @returns how long each frame took */
export async function frameTimes(page: Page, ms: number, delta: number): Promise<number[]> {
  const counting = page.evaluate<number[]>(`timings.frames(${ms})`);
  const start = performance.now();
  while (performance.now() - start < ms) {
    await page.mouse.wheel(0, delta);
    await page.waitForTimeout(16);
  }
  return counting;
}

export function print(figure: Omit<Figure, 'benchmark' | 'baseline'> & { baseline?: number }): void {
  printFigure({ benchmark: 'console', baseline: null, ...figure });
}
