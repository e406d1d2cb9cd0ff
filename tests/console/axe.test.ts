/** What axe finds on each page, dark and light, on a desktop and on a phone. */
import { randomUUID } from 'node:crypto';
import { beforeAll, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { seedNode } from '../harness/seed.js';
import { until } from '../harness/until.js';
import { AXE, faultsByAxe } from './harness/axe.js';
import { LogPage } from './harness/log-page.js';
import { BUILD, CODING_AGENT, cutOffMidDrain, listAttempts, record } from './harness/recordings.js';
import { useConsole } from './harness/use-console.js';
import { untilLoaded, type Device, type Theme } from './harness/visits.js';

const given = useConsole({ HIVE_NODE_TIMEOUT_SECONDS: '1' });
let build: string;
let conversation: string;
let incomplete: string;

beforeAll(async () => {
  const { stage } = given;
  const access = { url: stage.hive.url, token: stage.own.admin };
  const agent = stage.world.newAgent('build-7');
  build = await record(agent, BUILD);
  conversation = await record(agent, CODING_AGENT);
  agent.connect(stage.hive.url, await stage.own.newKey());
  [incomplete = ''] = await cutOffMidDrain(access, stage.world.newAgent('laptop'), await stage.own.newKey());
  await seedNode(stage.world.database, stage.own.id, { name: 'idle', online: false });
  const isWhole = async () =>
    (await listAttempts(access)).filter(({ sync_state: state }) => state === 'complete').length >= 2;
  await until(isWhole, 60_000, 'both recordings are complete');
});

interface Place {
  name: string;
  path: () => string;
  /** Brings the page into the state that is looked at. */
  ready?: (page: Page) => Promise<void>;
  role?: 'admin' | 'viewer' | 'nobody';
}

const PLACES: Place[] = [
  { name: 'signing in', path: () => '/attempts', role: 'nobody' },
  { name: 'attempts', path: () => '/attempts' },
  { name: 'attempts of which none is found', path: () => '/attempts?q=nothing-has-this-title' },
  { name: 'an attempt', path: () => `/attempts/${build}`, ready: logIsShown },
  { name: 'marked lines', path: () => `/attempts/${build}#L3-7`, ready: logIsShown },
  { name: 'a conversation', path: () => `/attempts/${conversation}` },
  { name: 'an attempt that is not whole', path: () => `/attempts/${incomplete}` },
  { name: 'an attempt that does not exist', path: () => `/attempts/${randomUUID()}` },
  { name: 'nodes', path: () => '/nodes' },
  { name: 'nodes, for a viewer', path: () => '/nodes', role: 'viewer' },
  { name: 'backfills', path: () => '/backfills' },
  { name: 'search', path: () => '/search' },
  { name: 'what a search found', path: () => '/search?q=moon' },
  {
    name: 'the sheet of keys',
    path: () => '/attempts',
    ready: async (page) => {
      await page.keyboard.press('?');
      await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    },
  },
];

function logIsShown(page: Page): Promise<void> {
  return new LogPage(page).untilDrawn();
}

const DEVICES: Device[] = ['desktop', 'phone'];
const THEMES: Theme[] = ['light', 'dark'];

test.each(PLACES)('axe finds no serious or critical fault: $name', async ({ path, ready, role = 'admin' }) => {
  for (const device of DEVICES) {
    // an attempt that does not exist is answered 404, which the browser's console tells
    const page = await given.stage.visit(path(), { role, device, initScript: AXE, mayFailToLoad: true });
    await page.getByRole('heading', { level: 1 }).first().waitFor();
    await page.waitForLoadState('load');
    await ready?.(page);
    await page.waitForTimeout(500); // what is asked for at once has come
    await untilLoaded(page);
    for (const colorScheme of THEMES) {
      await page.emulateMedia({ colorScheme });
      expect({ colorScheme, device, faults: await faultsByAxe(page) }).toEqual({ colorScheme, device, faults: [] });
    }
    expect(await widerThanScreen(page)).toBe(0);
    await page.close();
  }
});

/** @returns how many pixels one would have to scroll the whole page sideways */
function widerThanScreen(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}
