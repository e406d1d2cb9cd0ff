/** A list of more attempts than anyone looks through: any of them is reached at once, and nothing moves under a reader. */
import { beforeAll, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { seedManyAttempts } from '../harness/seed-many.js';
import { seedAttempt, seedExecution, seedNode } from '../harness/seed.js';
import { until } from '../harness/until.js';
import { pressGg } from './harness/keyboard.js';
import { useConsole } from './harness/use-console.js';

const it = useConsole();
const MANY = 10_000;
let nodeId: string;

beforeAll(async () => {
  const { world, own } = it.stage;
  nodeId = await seedNode(world.database, own.id, { name: 'seeded', online: false });
  await seedManyAttempts(world.database, { organizationId: own.id, nodeId, count: MANY });
});

/** @returns how many pages of the list the browser has asked for since then, beside the newest, which a change or the feed may ask for */
function countReads(page: Page): () => number {
  let reads = 0;
  page.on('request', (request) => {
    const { pathname, searchParams } = new URL(request.url());
    if (pathname === '/v1/swarm/attempts' && searchParams.has('skip')) reads++;
  });
  return () => reads;
}

/** Resolves when the page has heard of it, with the next frame. @param top in pixels; an expression in which `grid` scrolls */
async function scrollTo(page: Page, top: string): Promise<void> {
  await page.evaluate(`(async () => {
    const grid = document.querySelector('[role=grid]');
    grid.scrollTo({ top: ${top} });
    await new Promise((drawn) => requestAnimationFrame(drawn));
  })()`);
}

async function visitList(query = ''): Promise<Page> {
  const page = await it.stage.visit(`/attempts${query}`);
  await page
    .getByRole('link', { name: /^many / })
    .first()
    .waitFor();
  return page;
}

test('the oldest attempt is one key away, and the pages between are not read', async () => {
  const page = await visitList();
  const grid = page.getByRole('grid', { name: 'Attempts' });
  await until(async () => (await grid.getAttribute('aria-rowcount')) === String(MANY + 1));
  const reads = countReads(page);
  await page.keyboard.press('G');
  const oldest = page.getByRole('row', { name: /many 1\b/ });
  await oldest.waitFor();
  expect(await oldest.getAttribute('aria-rowindex')).toBe(String(MANY + 1));
  expect(await oldest.getAttribute('aria-selected')).toBe('true');
  expect(reads()).toBeLessThan(5);
  await pressGg(page);
  await page.getByRole('link', { name: `many ${MANY}` }).waitFor();
});

/** @param total what the hive counts, by how often it was asked; undefined for what is true */
async function visitCounted(total: (asked: number) => number | undefined): Promise<Counted> {
  const page = await it.stage.visit(undefined);
  let count: () => void = () => undefined;
  const counting = new Promise<void>((resolve) => (count = resolve));
  let asked = 0;
  await page.route('**/v1/swarm/attempts/counts*', async (route) => {
    await counting;
    const response = await route.fetch();
    const json = (await response.json()) as { total: number };
    await route.fulfill({ response, json: { ...json, total: total(++asked) ?? json.total } });
  });
  await page.goto(`${it.stage.hive.url}/attempts`);
  await page.getByRole('link', { name: `many ${MANY}` }).waitFor();
  await page.keyboard.press('G');
  await page.locator('[role=row][aria-rowindex="102"][aria-selected=true]').waitFor();
  return { page, count };
}

interface Counted {
  /** A list of which the first rows are known, at the last of which `G` has led. */
  page: Page;
  /** Lets the hive answer how many there are. */
  count: () => void;
}

const oldestOf = (page: Page) => page.locator('[role=row][aria-selected=true]').getByRole('link', { name: /^many 1$/ });

test('whoever asks for the oldest attempt before the hive has counted them is led there when it has', async () => {
  const { page, count } = await visitCounted(() => undefined);
  count();
  await oldestOf(page).waitFor();
});

test('whoever asks for the oldest attempt ends there, also while what the hive has counted still grows', async () => {
  const { page, count } = await visitCounted((asked) => (asked === 1 ? 450 : undefined));
  count();
  await oldestOf(page).waitFor();
});

const GRID = "document.querySelector('[role=grid]')";
const placeOf = (page: Page) => page.evaluate<number>(`${GRID}.scrollTop`);

test.each([
  ['a move by the keyboard', (page: Page) => page.keyboard.press('k')],
  ['scrolling', (page: Page) => scrollTo(page, '700')],
])('%s takes the wish for the oldest attempt back', async (_, moveOn) => {
  const { page, count } = await visitCounted(() => undefined);
  await moveOn(page);
  const place = await placeOf(page);
  count();
  await until(() => page.evaluate<boolean>(`${GRID}.getAttribute('aria-rowcount') === '${MANY + 1}'`));
  await page.waitForTimeout(300);
  expect(await placeOf(page)).toBe(place);
  expect(await oldestOf(page).count()).toBe(0);
});

test('wherever the scroll bar is dropped, the attempts of that place are shown', async () => {
  const page = await visitList('?status=failed');
  const grid = page.getByRole('grid', { name: 'Attempts' });
  const failed = Math.floor(MANY / 7);
  await until(async () => (await grid.getAttribute('aria-rowcount')) === String(failed + 1));
  for (const part of [0.5, 0.9, 0.2]) {
    await scrollTo(page, `grid.scrollHeight * ${part}`);
    const index = Math.floor(failed * part) + 3;
    // failed ones are 7, 14, …, the newest first
    const title = `many ${(failed - index) * 7}`;
    const row = page.getByRole('row', { name: title }).first();
    await row.waitFor();
    expect(await row.getAttribute('aria-rowindex')).toBe(String(index + 2));
  }
});

test('who reads further down is told of new attempts, and nothing moves until they are asked for', async () => {
  const page = await visitList();
  const grid = page.getByRole('grid', { name: 'Attempts' });
  await until(async () => (await grid.getAttribute('aria-rowcount')) === String(MANY + 1)); // the counts are drawn
  await scrollTo(page, '500');
  const row = page.getByRole('row', { name: `many ${MANY - 20}` });
  const place = await row.boundingBox();
  const attemptId = await seedAttempt(it.stage.world.database, {
    organizationId: it.stage.own.id,
    nodeId,
    metadata: { title: 'the newest of all' },
  });
  await seedExecution(it.stage.world.database, { attemptId, nodeId, ordinal: 1, status: 'running' });
  const news = page.getByRole('button', { name: '1 new attempt' });
  await news.waitFor();
  expect(await row.boundingBox()).toEqual(place);
  await news.click();
  await page.getByRole('link', { name: 'the newest of all' }).waitFor();
  await until(async () => (await news.count()) === 0);
});

test('a list that is longer than browsers can show says where it ends', async () => {
  const page = await it.stage.visit(undefined);
  await page.route('**/v1/swarm/attempts/counts*', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...((await response.json()) as object), total: 1_000_000 } });
  });
  await page.goto(`${it.stage.hive.url}/attempts`);
  const end = page.getByText(/The list ends here, after 416,666 of 1,000,000 attempts/);
  await end.waitFor({ state: 'attached' });
});

test('a filter without a match says so, and leads on', async () => {
  const page = await it.stage.visit('/attempts?q=nobody+called+it+that');
  await page.getByText('No attempt matches').waitFor();
  await page.getByRole('link', { name: 'Search in the logs of all attempts' }).waitFor();
  await page.getByRole('button', { name: 'Clear filters' }).last().click();
  await page
    .getByRole('link', { name: /^many / })
    .first()
    .waitFor();
});

test('a viewer of an empty hive is told whom to ask', async () => {
  const page = await it.stage.visit('/', { role: 'viewer', of: it.stage.foreign });
  await page.getByText(/An admin of Umbrella gives you the TOKEN/).waitFor();
  expect(await page.getByRole('button', { name: 'Make an invitation' }).count()).toBe(0);
});
