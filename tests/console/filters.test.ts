/** What filters a list is seen and can be taken away, wherever the address has it from. */
import { beforeAll, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { seedNode } from '../harness/seed.js';
import { until } from '../harness/until.js';
import { useConsole } from './harness/use-console.js';

const it = useConsole();
const GONE = '8da461ae-8494-4e75-b98d-b07e5483863f';

beforeAll(async () => {
  await seedNode(it.stage.world.database, it.stage.own.id, { name: 'builder', online: false });
});

/** Takes a filter away and waits for the address without it. */
async function remove(page: Page, chip: string): Promise<void> {
  await page.getByRole('button', { name: `Remove the filter ${chip}` }).click();
  await page.getByRole('button', { name: `Remove the filter ${chip}` }).waitFor({ state: 'detached' });
}

test.each(['/attempts?', '/search?q=x&'])(
  'on %s, each filter of the address is a chip that takes it away',
  async (path) => {
    const page = await it.stage.visit(`${path}task=${GONE}&id_prefix=8da4&node_id=${GONE}&branch=some_branch`);
    for (const chip of ['Shared task 8da461ae', 'Id begins with 8da4', 'Node 8da461ae', 'Branch some_branch']) {
      await remove(page, chip);
    }
    await until(() => Promise.resolve(!/task|id_prefix|node_id|branch/.test(page.url())));
    expect(await page.getByRole('button', { name: /^Remove the filter/ }).count()).toBe(0);
  },
);

test.each([
  ['/attempts', 'Filters (1)'],
  ['/search', undefined],
  ['/backfills', undefined],
])('on %s, a node that is not there any more is shown as what filters, not as any', async (path, opener) => {
  const page = await it.stage.visit(`${path}?node_id=${GONE}`);
  if (opener) await page.getByRole('button', { name: opener }).click();
  const node = page.getByRole('combobox', { name: 'Node' });
  await node.locator('option', { hasText: 'builder' }).waitFor({ state: 'attached' });
  expect([await node.inputValue(), await node.locator('option:checked').textContent()]).toEqual([GONE, '8da461ae']);
});

test('a status that no tab has is seen in the list of attempts, and can be taken away', async () => {
  const page = await it.stage.visit('/attempts?status=odd', { mayFailToLoad: true });
  await remove(page, 'Status odd');
  expect(page.url()).toMatch(/\/attempts$/);
});
