/** Whoever comes back to what a search has found is where they were. */
import { beforeAll, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../harness/seed.js';
import { until } from '../harness/until.js';
import { useConsole } from './harness/use-console.js';

const it = useConsole();
const MANY = 40;

beforeAll(async () => {
  const { world, own } = it.stage;
  const nodeId = await seedNode(world.database, own.id, { name: 'builder', online: false });
  for (let number = 1; number <= MANY; number++) {
    const metadata = { title: `found ${number}` };
    const attemptId = await seedAttempt(world.database, {
      ...{ organizationId: own.id, nodeId, state: 'complete' as const, metadata },
    });
    const executionId = await seedExecution(world.database, { attemptId, nodeId, ordinal: 1, declaredLines: 20 });
    await appendPage(world.database, executionId, makeLines('a needle in', 20));
  }
});

const placeOf = (page: Page) => page.evaluate<number>("document.getElementById('main').scrollTop");

test('back from an attempt, a search is where it was left, also when its page was loaded for the first time', async () => {
  const page = await it.stage.visit('/attempts');
  await page.getByRole('link', { name: 'Search', exact: true }).click(); // loads the code of the page
  await page.getByRole('searchbox').fill('needle');
  await page.keyboard.press('Enter');
  await page.getByText(/^Found in/).waitFor(); // whoever leaves while it searches comes back to fewer results
  const result = page.getByRole('link', { name: 'found 25', exact: true });
  await result.scrollIntoViewIfNeeded();
  const place = await placeOf(page);
  expect(place).toBeGreaterThan(500);
  await result.click(); // loads the code of an attempt
  await page.getByRole('heading', { level: 1, name: 'found 25' }).waitFor();
  await until(async () => (await placeOf(page)) === 0);
  await page.goBack();
  await result.waitFor();
  await until(async () => (await placeOf(page)) === place);
  await page.waitForTimeout(500); // nothing moves it afterwards
  expect(await placeOf(page)).toBe(place);
  await page.goForward();
  await page.getByRole('heading', { level: 1, name: 'found 25' }).waitFor();
  await until(async () => (await placeOf(page)) === 0);
});
