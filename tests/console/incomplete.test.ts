/** One node is cut off in the middle of a drain: which attempts are not whole, why, and what happens next. */
import { beforeAll, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import type { NodeAgent } from '../harness/node-agent.js';
import { until } from '../harness/until.js';
import { cutOffMidDrain, listAttempts, LONG, record, TWENTY_THOUSAND } from './harness/recordings.js';
import { useConsole } from './harness/use-console.js';

const NODE = 'laptop-of-mira';
// a backfill of the node that has returned ends after that time without a line, and the schedule, which would try again, is off
const given = useConsole({ HIVE_NODE_TIMEOUT_SECONDS: '5' });
const ids: string[] = [];
let laptop: NodeAgent;
let laptopKey: string;

const access = () => ({ url: given.stage.hive.url, token: given.stage.own.admin });

beforeAll(async () => {
  const { stage } = given;
  const agent = stage.world.newAgent('build-7');
  const whole = await record(agent, TWENTY_THOUSAND);
  agent.connect(stage.hive.url, await stage.own.newKey());
  laptop = stage.world.newAgent(NODE);
  laptopKey = await stage.own.newKey();
  ids.push(...(await cutOffMidDrain(access(), laptop, laptopKey)));
  const isSettled = async () => {
    const attempts = await listAttempts(access());
    const stateOf = (wanted: string) => attempts.find(({ id }) => id === wanted)?.sync_state;
    return stateOf(whole) === 'complete' && ids.every((id) => stateOf(id) === 'partial');
  };
  await until(isSettled, 60_000, 'the drain has ended without its node');
});

/** What somebody reads who wants to know what is going on. */
async function readsWhy(page: Page): Promise<void> {
  const missing = page.getByRole('region', { name: /missing/i }).first();
  await missing.waitFor();
  const main = page.getByRole('main');
  for (const said of [
    NODE,
    /offline/,
    /returns|comes back|is back|connects/, // what happens next
    /[\d,]+ to [\d,]+|[\d,]+–[\d,]+/, // which lines
  ]) {
    await main.getByText(said).first().waitFor();
  }
}

test('by the list: two clicks from the first view', async () => {
  const page = await given.stage.visit('/');
  await page.getByRole('link', { name: /^partial/ }).click();
  const rows = page.getByRole('link', { name: new RegExp(LONG.map(({ title }) => title).join('|')) });
  // what was shown before stays until the answer has come
  const whole = page.getByText(TWENTY_THOUSAND.title);
  await until(async () => (await rows.count()) === LONG.length && (await whole.count()) === 0);
  await rows.first().click();
  await readsWhy(page);
});

test('by the nodes: three clicks from the first view', async () => {
  const page = await given.stage.visit('/');
  await page.getByRole('link', { name: 'Nodes' }).click();
  await page.getByRole('heading', { name: 'Nodes', level: 1 }).waitFor();
  const row = page.getByRole('row', { name: new RegExp(NODE) });
  await row.waitFor();
  expect(await row.innerText()).toMatch(/offline/);
  await row.getByRole('link', { name: /partial/ }).click();
  const rows = page.getByRole('link', { name: new RegExp(LONG.map(({ title }) => title).join('|')) });
  await until(async () => (await rows.count()) === LONG.length);
  await rows.nth(1).click();
  await readsWhy(page);
});

test('a viewer reads the same, and an admin also finds the run in the Temporal UI', async () => {
  const viewer = await given.stage.visit(`/attempts/${ids[0]}`, { role: 'viewer' });
  await readsWhy(viewer);
  expect(await viewer.getByRole('button', { name: /start .*backfill/i }).count()).toBe(0);
  const admin = await given.stage.visit(`/attempts/${ids[0]}`);
  await readsWhy(admin);
  await admin.getByRole('button', { name: /start .*backfill/i }).waitFor();
});

test('when the node returns, the page becomes whole by itself', async () => {
  const page = await given.stage.visit(`/attempts/${ids[2]}`);
  await readsWhy(page);
  laptop.connect(given.stage.hive.url, laptopKey);
  await until(async () => (await page.getByText(/^complete$/).count()) > 0, 60_000, 'the page says complete');
  await until(async () => (await page.getByRole('region', { name: /missing/i }).count()) === 0);
});
