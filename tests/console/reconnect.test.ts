/** A hive is killed and comes back: the console says so, connects by itself, and stays where it was. */
import { beforeAll, expect, test } from '@jest/globals';
import type { Page, Route } from 'playwright-core';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../harness/seed.js';
import { until } from '../harness/until.js';
import { LogPage } from './harness/log-page.js';
import { useConsole } from './harness/use-console.js';

const LINES = 5000;
const given = useConsole();
let nodeId: string;
let attemptId: string;

beforeAll(async () => {
  const { world, own } = given.stage;
  const organizationId = own.id;
  nodeId = await seedNode(world.database, organizationId, { online: false });
  const metadata = { title: 'read while the hive restarts' };
  attemptId = await seedAttempt(world.database, { organizationId, nodeId, state: 'complete', metadata });
  const executionId = await seedExecution(world.database, { attemptId, nodeId, ordinal: 1, declaredLines: LINES });
  for (let first = 1; first <= LINES; first += 1000) {
    await appendPage(world.database, executionId, makeLines('line', 1000, first));
  }
});

async function restart(whileAway: () => Promise<void>): Promise<void> {
  const { world, hive } = given.stage;
  const port = Number(new URL(hive.url).port);
  await hive.program.kill('SIGKILL');
  await whileAway();
  given.stage.hive = await world.startHive({ port, env: { HIVE_RECONCILE_INTERVAL_SECONDS: '86400' } });
}

const notice = (page: Page) => page.getByText(/No hive answers/).first();

test('a reader of a log stays at the line, and goes on reading', async () => {
  const page = await given.stage.visit(`/attempts/${attemptId}#L2500`, { mayFailToLoad: true });
  const log = new LogPage(page);
  await log.untilDrawn(2500);
  await page.waitForTimeout(500);
  const before = await log.firstSeen();
  expect(Math.abs(before - 2500)).toBeLessThan(60);
  await restart(async () => {
    await notice(page).waitFor();
    expect(await log.firstSeen()).toBe(before);
  });
  await notice(page).waitFor({ state: 'hidden' });
  expect(await log.firstSeen()).toBe(before);
  await log.press('Shift+G');
  await log.untilDrawn(LINES);
});

test('the list keeps its filters and its place, and hears of what happened while no hive was there', async () => {
  const { world, own } = given.stage;
  const organizationId = own.id;
  for (let count = 1; count <= 300; count++) {
    const metadata = { title: `one of many ${count}`, execution_count: 0 };
    await seedAttempt(world.database, { organizationId, nodeId, state: 'complete', metadata });
  }
  const page = await given.stage.visit('/attempts?q=one+of+many', { mayFailToLoad: true });
  await page.getByText('one of many').first().waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  const address = page.url();
  await restart(async () => {
    await notice(page).waitFor();
    const metadata = { title: 'one of many, made while away', execution_count: 0 };
    await seedAttempt(world.database, { organizationId, nodeId, state: 'complete', metadata });
  });
  await notice(page).waitFor({ state: 'hidden' });
  await page.getByText('one of many, made while away').waitFor();
  expect(page.url()).toBe(address);
});

test('a page that is opened while no hive answers opens when one does', async () => {
  const page = await given.stage.visit('/attempts', { mayFailToLoad: true });
  await page.getByRole('heading', { level: 1 }).waitFor();
  await restart(async () => {
    await notice(page).waitFor();
    await page.getByRole('link', { name: 'Nodes' }).click();
    await page.waitForTimeout(500);
    expect(await page.locator('body').innerText()).not.toBe('');
  });
  await until(async () => (await page.getByRole('heading', { name: 'Nodes', level: 1 }).count()) === 1);
});

test('who cannot be signed out is told so, and is not shown the page for signing in', async () => {
  const page = await given.stage.visit('/attempts', { mayFailToLoad: true });
  const signOut = page.getByRole('button', { name: 'Sign out' });
  const problem = { status: 503, contentType: 'application/problem+json', body: '{"detail":"the database is away"}' };
  let refuse: ((route: Route) => Promise<void>) | undefined = (route) => route.fulfill(problem);
  await page.route('**/v1/session', (route) =>
    refuse && route.request().method() === 'DELETE' ? refuse(route) : route.continue(),
  );
  await signOut.click();
  await page.getByText(/You are still signed in: the database is away/).waitFor();
  refuse = (route) => route.abort();
  await signOut.click();
  await page.getByText(/You are still signed in: No hive answers/).waitFor();
  refuse = undefined;
  await signOut.click();
  await page.getByLabel('API token').waitFor();
});

test('where a proxy lets no stream through, the list is read again and again, and the page says so', async () => {
  const page = await given.stage.visit(undefined, { mayFailToLoad: true });
  await page.route('**/v1/changes/stream*', (route) => route.fulfill({ status: 503, body: '' }));
  await page.goto(`${given.stage.hive.url}/attempts?q=later`);
  await page.getByText(/Live updates are off/).waitFor();
  const metadata = { title: 'came later', execution_count: 0 };
  const { world, own } = given.stage;
  await seedAttempt(world.database, { organizationId: own.id, nodeId, state: 'complete', metadata });
  await page.getByRole('link', { name: 'came later' }).waitFor();
});
