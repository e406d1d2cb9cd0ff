/** Everything that the console can do, done without a pointer. */
import { beforeAll, expect, test } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../harness/seed.js';
import { until } from '../harness/until.js';
import { press, pressGg, tabTo, walkByTab } from './harness/keyboard.js';
import { LogPage } from './harness/log-page.js';
import {
  AGENTS_FIRST_WORDS,
  AGENTS_LAST_WORDS,
  CODING_AGENT,
  cutOffMidDrain,
  listAttempts,
  record,
} from './harness/recordings.js';
import { useConsole } from './harness/use-console.js';
import { inPage, untilLoaded } from './harness/visits.js';

// a backfill waits for its node for as long as a test takes to cancel it
const given = useConsole({ HIVE_NODE_TIMEOUT_SECONDS: '3600' });
let attemptId: string;
let conversation: string;
let incomplete: string;

beforeAll(async () => {
  const { stage } = given;
  const { database } = stage.world;
  const organizationId = stage.own.id;
  const nodeId = await seedNode(database, organizationId, { name: 'to-be-deleted', online: false });
  attemptId = await seedAttempt(database, {
    organizationId,
    nodeId,
    state: 'complete',
    metadata: { title: 'read by keyboard' },
  });
  const executionId = await seedExecution(database, { attemptId, nodeId, ordinal: 1, declaredLines: 2000 });
  for (let first = 1; first <= 2000; first += 1000)
    await appendPage(database, executionId, makeLines('line', 1000, first));
  const agent = stage.world.newAgent('keyboard');
  conversation = await record(agent, CODING_AGENT);
  agent.connect(stage.hive.url, await stage.own.newKey());
  const access = { url: stage.hive.url, token: stage.own.admin };
  [incomplete = ''] = await cutOffMidDrain(access, stage.world.newAgent('laptop'), await stage.own.newKey());
  const isWhole = async () =>
    (await listAttempts(access)).some(({ id, sync_state: state }) => id === conversation && state === 'complete');
  await until(isWhole, 60_000, 'the recording is complete');
});

const heading = (page: Page, name: string | RegExp) => page.getByRole('heading', { name, level: 1 });
const dialog = (page: Page) => page.getByRole('dialog');

test('signing in and out, the pages, the theme and the sheet of keys', async () => {
  const page = await given.stage.visit('/attempts', { role: 'nobody' });
  await page.getByLabel('API token').waitFor();
  await page.keyboard.type(given.stage.own.admin); // the field has the focus
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  for (const [key, name] of [
    ['2', 'Nodes'],
    ['3', 'Backfills'],
    ['4', 'Search'],
    ['1', 'Attempts'],
  ] as const) {
    await page.locator('body').press(key);
    await heading(page, name).waitFor({ state: 'attached' });
    if (name === 'Search') await page.keyboard.press('Escape'); // its field takes the focus
  }
  await page.getByRole('grid', { name: 'Attempts' }).waitFor();
  const size = page.viewportSize();
  await page.setViewportSize({ width: 1000, height: 400 });
  await page.keyboard.press('?');
  await dialog(page).waitFor();
  const [from, height] = await page.evaluate<[number, number]>(
    "(({ scrollTop, scrollHeight }) => [scrollTop, scrollHeight])(document.querySelector('dialog'))",
  );
  expect(height).toBeGreaterThan(400);
  expect(from).toBe(0); // it is read from its beginning
  if (size) await page.setViewportSize(size);
  const sheet = await dialog(page).innerText();
  for (const key of ['j', 'k', '/', 'g', 'G', '?']) expect(sheet).toContain(key);
  await page.keyboard.press('Escape');
  await dialog(page).waitFor({ state: 'detached' });
  // who speaks to the computer switches keys of one character off
  await press(page, page.getByRole('button', { name: 'Keyboard' }));
  await tabTo(page, dialog(page).getByRole('checkbox'));
  await page.keyboard.press('Space');
  await page.keyboard.press('Escape');
  await dialog(page).waitFor({ state: 'detached' });
  await page.reload();
  await heading(page, 'Attempts').waitFor({ state: 'attached' });
  for (const key of ['2', '?', '/']) await page.keyboard.press(key);
  await page.waitForTimeout(300);
  expect(new URL(page.url()).pathname).toBe('/attempts');
  expect(await dialog(page).count()).toBe(0);
  const theme = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
  const before = await theme();
  await press(page, page.getByRole('button', { name: /theme/i }));
  await until(async () => (await theme()) !== before);
  await press(page, page.getByRole('button', { name: 'Sign out' }));
  await page.getByLabel('API token').waitFor();
});

test('another page begins at its top and takes the focus, and the way to the content leaves the address', async () => {
  const page = await given.stage.visit('/attempts#L1', { context: { viewport: { width: 700, height: 200 } } });
  const skip = page.getByRole('link', { name: 'Skip to the content' });
  const main = page.getByRole('main');
  const isFocused = async (element: Locator) => (await element.and(page.locator(':focus')).count()) > 0;
  await skip.focus();
  await page.keyboard.press('Enter');
  expect([await isFocused(main), new URL(page.url()).hash]).toEqual([true, '#L1']);
  let answer: () => void = () => undefined;
  const answered = new Promise<void>((resolve) => (answer = resolve));
  await page.route('**/v1/nodes', (route) => answered.then(() => route.continue()));
  await page.getByRole('link', { name: 'Nodes' }).click();
  await heading(page, 'Nodes').waitFor(); // also while they are read
  answer();
  await page.getByRole('table').first().waitFor();
  await until(() => isFocused(main));
  await page.evaluate("document.getElementById('main').scrollTo(0, 50)");
  expect(await page.evaluate("document.getElementById('main').scrollTop")).toBe(50);
  await page.getByRole('link', { name: 'Backfills' }).click();
  await heading(page, 'Backfills').waitFor();
  await until(() => isFocused(main));
  expect(await page.evaluate("document.getElementById('main').scrollTop")).toBe(0);
  await page.evaluate("history.pushState(null, '', '/no-such-page'); dispatchEvent(new Event('popstate'))");
  await until(async () => (await page.title()).startsWith('There is no such page'));
  await page.getByRole('link', { name: 'Search' }).click();
  await until(() => isFocused(page.getByRole('searchbox'))); // what a page itself gives the focus keeps it
});

test('an attempt is found, opened, read, searched in, marked and copied', async () => {
  const page = await given.stage.visit('/attempts', {
    context: { permissions: ['clipboard-read', 'clipboard-write'] },
  });
  await page.getByText('read by keyboard').waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('read by');
  // who types slowly is answered for less than the whole text, and then the list is another one once more
  await until(() => new URL(page.url()).searchParams.get('q') === 'read by');
  await page.locator('.attempts-list[aria-busy=false]').waitFor();
  await until(async () => (await page.locator('[role=row][data-attempt]').count()) === 1);
  await tabTo(page, page.getByRole('grid', { name: 'Attempts' })); // Escape would take the filter away
  const current = page.locator('[role=row][aria-selected=true]');
  await page.keyboard.press('j');
  await current.waitFor();
  while (!(await current.innerText()).includes('read by keyboard')) await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  const log = new LogPage(page);
  await log.untilDrawn(2000);
  await pressGg(page);
  await log.untilDrawn(1);
  await log.press('j', 'j', 'j');
  expect(await log.marked()).toHaveLength(1);
  await log.press('c');
  await until(async () => /^line \d+$/.test(await page.evaluate<string>('navigator.clipboard.readText()')));
  await log.press('/');
  await page.keyboard.type('line 1234');
  await log.press('Enter');
  await log.untilDrawn(1234);
  await log.press('Escape');
  await log.press('Shift+G');
  await log.untilDrawn(2000);
  const download = page.waitForEvent('download');
  await press(page, page.getByRole('link', { name: /download/i }));
  await (await download).cancel();
});

test('a conversation is opened and left', async () => {
  const page = await given.stage.visit(`/attempts/${conversation}`);
  await page.getByText(AGENTS_LAST_WORDS).first().waitFor();
  await page.keyboard.press('r');
  await page.getByText(AGENTS_FIRST_WORDS).first().waitFor();
  await page.keyboard.press('r');
  await new LogPage(page).untilDrawn();
});

test('a backfill is cancelled, started and cancelled again', async () => {
  const page = await given.stage.visit(`/attempts/${incomplete}`);
  const untilStateIs = (state: string, isHeld: boolean) =>
    until(
      async () => {
        const { sync } = await given.stage.world.get<{ sync: { state: string; held: boolean } }>(
          given.stage.hive,
          `/v1/nodes/task-attempts/${incomplete}`,
        );
        return sync.state === state && sync.held === isHeld;
      },
      60_000,
      `${state}, ${isHeld ? 'held' : 'not held'}`,
    );
  const cancel = async () => {
    await press(page, page.getByRole('button', { name: /cancel/i }).first());
    await press(page, dialog(page).getByRole('button', { name: /cancel the backfill/i }));
    await dialog(page).waitFor({ state: 'detached' });
    await untilStateIs('partial', true);
  };
  await untilStateIs('pending_backfill', false); // the drain's, which waits for the node
  await cancel();
  await press(page, page.getByRole('button', { name: /start .*backfill/i }));
  await untilStateIs('pending_backfill', false);
  await cancel();
});

test('a node is invited, a key revoked, another unblocked, and a node deleted', async () => {
  const { database } = given.stage.world;
  await given.stage.own.newKey();
  await database.nodeApiKey.updateMany({
    where: { id: (await database.nodeApiKey.findFirstOrThrow({ orderBy: { createdAt: 'desc' } })).id },
    data: { name: 'blocked', blockedAt: new Date(), blockedReason: 'another machine used it' },
  });
  const page = await given.stage.visit('/nodes');
  await heading(page, 'Nodes').waitFor();
  await page.keyboard.press('i');
  await press(page, dialog(page).getByRole('button', { name: 'Make the invitation' }));
  await dialog(page)
    .getByText(/--invite \S{20,}/)
    .waitFor();
  await page.keyboard.press('Escape');
  await dialog(page).waitFor({ state: 'detached' });

  await press(page, page.getByRole('button', { name: /^Unblock/ }));
  await until(async () => (await database.nodeApiKey.count({ where: { blockedAt: { not: null } } })) === 0);
  await press(page, page.getByRole('button', { name: 'Revoke the key blocked' }));
  await press(page, dialog(page).getByRole('button', { name: 'Revoke the key' }));
  await until(async () => (await database.nodeApiKey.count({ where: { name: 'blocked', revokedAt: null } })) === 0);
  await dialog(page).waitFor({ state: 'detached' });

  await press(page, page.getByRole('button', { name: 'Delete the node to-be-deleted' }));
  const question = dialog(page);
  await question.getByText('2,000 log lines').waitFor();
  expect(await question.innerText()).toMatch(/to-be-deleted[\s\S]*1 attempt[\s\S]*1 execution/);
  await tabTo(page, question.getByRole('textbox'));
  await page.keyboard.type('to-be-deleted');
  await page.keyboard.press('Enter');
  await until(async () => (await database.attempt.count({ where: { id: attemptId } })) === 0);
  await until(async () => (await page.getByText('to-be-deleted').count()) === 0);
});

test('an attempt is deleted, after a question', async () => {
  const { database } = given.stage.world;
  const nodeId = await seedNode(database, given.stage.own.id, { name: 'of-an-attempt', online: false });
  const metadata = { title: 'to be deleted', execution_count: 0 };
  const id = await seedAttempt(database, { organizationId: given.stage.own.id, nodeId, state: 'complete', metadata });
  const page = await given.stage.visit(`/attempts/${id}`);
  await press(page, page.getByRole('button', { name: /^Delete/ }));
  await press(page, dialog(page).getByRole('button', { name: /^Delete/ }));
  await until(async () => (await database.attempt.count({ where: { id } })) === 0);
  await heading(page, 'Attempts').waitFor({ state: 'attached' });
});

test('all attempts are searched, and a found line is opened', async () => {
  const page = await given.stage.visit('/search');
  await heading(page, 'Search').waitFor();
  await page.keyboard.type('one try too few'); // the field has the focus
  await page.keyboard.press('Enter');
  const found = page.getByRole('link', { name: CODING_AGENT.title });
  await found.waitFor();
  await press(page, page.getByRole('link', { name: /one try too few/ }));
  await until(() => page.url().includes(`/attempts/${conversation}`));
  expect(new URL(page.url()).hash).toMatch(/^#L\d+$/);
});

test.each(['/attempts', '/nodes', '/backfills', '/search'])(
  'the tabulator key reaches everything on %s, and one always sees where it is',
  async (path) => {
    const page = await given.stage.visit(undefined);
    await page.addInitScript({ path: inPage('focus.js') });
    await page.goto(given.stage.hive.url + path);
    await page.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' });
    await page.waitForTimeout(1000);
    await untilLoaded(page);
    expect(await walkByTab(page)).toEqual({ unreached: [], unseen: [] });
  },
);
