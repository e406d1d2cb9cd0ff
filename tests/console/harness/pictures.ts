/** Which pictures there are of the console, and how each page gets into the state that is shown. */
import type { Page } from 'playwright-core';
import { press } from './keyboard.js';
import { LogPage } from './log-page.js';
import { AGENTS_FIRST_WORDS } from './recordings.js';
import type { Device, Theme } from './visits.js';

/** Attempts by what they are good for. */
export interface Recorded {
  long: string;
  failed: string;
  conversation: string;
  incomplete: string;
  running: string;
}

export interface Picture {
  name: string;
  path: string;
  role?: 'nobody';
  ready?: (page: Page) => Promise<void>;
  /** Those that the docs show, with the name of the file. */
  inDocs?: [Theme, Device, file: string][];
}

/** Of a hive that nobody has joined. */
export const PICTURES_OF_NOTHING: Picture[] = [
  { name: 'connect-a-node', path: '/', inDocs: [['light', 'desktop', 'connect-a-node']] },
  { name: 'no-nodes', path: '/nodes' },
  { name: 'no-backfills', path: '/backfills' },
  { name: 'sign-in', path: '/', role: 'nobody', inDocs: [['light', 'phone', 'sign-in-phone']] },
];

export function picturesOf(recorded: Recorded): Picture[] {
  const { long, failed, conversation, incomplete, running } = recorded;
  return [
    {
      name: 'attempts',
      path: '/attempts',
      inDocs: [
        ['light', 'desktop', 'attempts'],
        ['dark', 'phone', 'attempts-phone'],
      ],
    },
    { name: 'attempts-filtered', path: '/attempts?sync_state=partial' },
    { name: 'attempts-none', path: '/attempts?q=no+such+title' },
    {
      name: 'log',
      path: `/attempts/${failed}`,
      ready: untilDrawn,
      inDocs: [
        ['dark', 'desktop', 'log'],
        ['dark', 'phone', 'log-phone'],
      ],
    },
    { name: 'log-range', path: `/attempts/${long}#L12000-12005`, ready: untilDrawn },
    { name: 'log-search', path: `/attempts/${long}`, ready: searched, inDocs: [['light', 'desktop', 'log-search']] },
    { name: 'log-running', path: `/attempts/${running}`, ready: untilDrawn },
    {
      name: 'conversation',
      path: `/attempts/${conversation}`,
      ready: asConversation,
      inDocs: [['light', 'desktop', 'conversation']],
    },
    {
      name: 'missing',
      path: `/attempts/${incomplete}`,
      inDocs: [
        ['light', 'desktop', 'missing'],
        ['light', 'phone', 'missing-phone'],
      ],
    },
    { name: 'no-such-attempt', path: '/attempts/00000000-0000-4000-8000-000000000000' },
    { name: 'nodes', path: '/nodes', inDocs: [['light', 'desktop', 'nodes']] },
    { name: 'invite', path: '/nodes', ready: invited },
    { name: 'delete-node', path: '/nodes', ready: aboutToDelete },
    { name: 'backfills', path: '/backfills', inDocs: [['dark', 'desktop', 'backfills']] },
    { name: 'search', path: '/search' },
    {
      name: 'search-found',
      path: '/search?q=no+such+cluster',
      ready: (page) => page.getByText('moon').first().waitFor(),
      inDocs: [['light', 'desktop', 'search']],
    },
    { name: 'keys', path: `/attempts/${failed}`, ready: sheetOfKeys },
  ];
}

async function untilDrawn(page: Page): Promise<void> {
  await new LogPage(page).untilDrawn();
}

async function asConversation(page: Page): Promise<void> {
  await untilDrawn(page);
  await page.keyboard.press('r');
  await page.getByText(AGENTS_FIRST_WORDS).first().waitFor();
  await page.waitForTimeout(500);
}

async function searched(page: Page): Promise<void> {
  await untilDrawn(page);
  await page.keyboard.press('/');
  await page.keyboard.type('step 1.*7 of', { delay: 20 });
  await page.getByRole('button', { name: 'Regular expression' }).click();
  await page.getByText(/^\d[\d,]* of [\d,]+$/).waitFor();
}

async function invited(page: Page): Promise<void> {
  await page.keyboard.press('i');
  await press(page, page.getByRole('dialog').getByRole('button', { name: 'Make the invitation' }));
  await page.getByText(/--invite/).waitFor();
}

async function aboutToDelete(page: Page): Promise<void> {
  await press(page, page.getByRole('button', { name: /^Delete the node laptop/ }));
  await page.getByText(/log lines/).waitFor();
}

async function sheetOfKeys(page: Page): Promise<void> {
  await untilDrawn(page);
  await page.keyboard.press('?');
  await page.getByRole('dialog').waitFor();
}
