/** Two organisations, each with an admin and a viewer: nobody sees or can do what they may not. */
import { beforeAll, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../harness/seed.js';
import type { ConsoleOrganization } from './harness/organization.js';
import { useConsole } from './harness/use-console.js';
import { FROM_THE_CONSOLE, untilLoaded } from './harness/visits.js';

interface Seeded {
  nodeId: string;
  attemptId: string;
}

const given = useConsole();
let own: Seeded;
let foreign: Seeded;

async function seed(organization: ConsoleOrganization, secret: string): Promise<Seeded> {
  const { database } = given.stage.world;
  const organizationId = organization.id;
  const nodeId = await seedNode(database, organizationId, { name: `node of ${secret}`, online: false });
  const metadata = { title: `title of ${secret}`, branch: `vk/${secret}` };
  const attemptId = await seedAttempt(database, { organizationId, nodeId, state: 'complete', metadata });
  const executionId = await seedExecution(database, { attemptId, nodeId, ordinal: 1, declaredLines: 20 });
  await appendPage(database, executionId, makeLines(`line of ${secret}`, 20));
  return { nodeId, attemptId };
}

beforeAll(async () => {
  own = await seed(given.stage.own, 'acorn');
  foreign = await seed(given.stage.foreign, 'umbrella');
});

async function settle(page: Page): Promise<string> {
  await page.getByRole('heading', { level: 1 }).first().waitFor();
  await page.waitForTimeout(700);
  await untilLoaded(page);
  return page.locator('body').innerText();
}

test('each organisation is named on each page, and shows its own data only', async () => {
  for (const path of ['/attempts', '/attempts?q=title', '/nodes', '/backfills', '/search?q=line+of']) {
    const page = await given.stage.visit(path, { role: 'viewer' });
    const text = await settle(page);
    expect(text).toContain(given.stage.own.name);
    expect(text).not.toMatch(/umbrella/i);
    await page.close();
  }
  const page = await given.stage.visit('/attempts', { role: 'viewer', of: given.stage.foreign });
  await page.getByText('title of umbrella').waitFor();
  const text = await settle(page);
  expect(text).toContain('Umbrella');
  expect(text).not.toMatch(/acorn/);
});

test("another organisation's attempt cannot be opened by its address, and says the same as one that does not exist", async () => {
  const page = await given.stage.visit(`/attempts/${foreign.attemptId}`, { mayFailToLoad: true });
  const text = await settle(page);
  expect(text).not.toMatch(/umbrella/i);
  const unknown = await given.stage.visit('/attempts/00000000-0000-4000-8000-000000000000', { mayFailToLoad: true });
  expect((await settle(unknown)).replaceAll('00000000-0000-4000-8000-000000000000', foreign.attemptId)).toBe(text);
});

test("another organisation's node cannot be filtered by", async () => {
  const page = await given.stage.visit(`/attempts?node=${foreign.nodeId}`, { mayFailToLoad: true });
  expect(await settle(page)).not.toMatch(/umbrella/i);
});

test('the feed tells of the own changes only', async () => {
  const page = await given.stage.visit('/attempts');
  await page.getByText('title of acorn').waitFor();
  const heard = page.evaluate<string[]>(
    `new Promise((resolve) => {
      const all = [];
      const source = new EventSource('/v1/changes/stream?after=latest');
      source.onmessage = ({ data }) => { all.push(data); if (/own news/.test(data)) { source.close(); resolve(all); } };
      window.isListening = new Promise((heard) => { source.onopen = heard; });
    })`,
  );
  await page.evaluate('window.isListening.then(() => undefined)');
  const { database } = given.stage.world;
  const news = async (organizationId: string, { nodeId }: Seeded, title: string) =>
    seedAttempt(database, { organizationId, nodeId, state: 'complete', metadata: { title, execution_count: 0 } });
  await news(given.stage.foreign.id, foreign, 'umbrella news');
  await news(given.stage.own.id, own, 'own news');
  expect((await heard).join('\n')).not.toMatch(/umbrella/);
  await page.getByText('own news').waitFor();
  expect(await settle(page)).not.toMatch(/umbrella/);
});

test('who signs in to another organisation in another tab sees nothing of the first one in this tab', async () => {
  const page = await given.stage.visit('/attempts', { mayFailToLoad: true });
  await page.getByText('title of acorn').waitFor();
  const { url } = given.stage.hive;
  const data = { token: given.stage.foreign.viewer };
  const answer = await page.request.post(`${url}/v1/session`, { data, headers: FROM_THE_CONSOLE });
  expect(answer.status()).toBe(204);
  await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
  await page.getByText('title of umbrella').waitFor();
  const text = await settle(page);
  expect(text).toContain('Umbrella');
  expect(text).not.toMatch(/acorn/);
});

test('a viewer is not shown what only admins may do', async () => {
  for (const path of [`/attempts/${own.attemptId}`, '/nodes', '/backfills']) {
    const page = await given.stage.visit(path, { role: 'viewer' });
    await settle(page);
    for (const name of [/start .*backfill/i, /cancel/i, /invite/i, /revoke/i, /unblock/i, /delete/i]) {
      expect(await page.getByRole('button', { name }).count()).toBe(0);
    }
    expect(await page.getByRole('link', { name: /temporal/i }).count()).toBe(0);
    await page.close();
  }
});

test("a viewer's session can do nothing that only admins may do, nor can an admin's in another organisation", async () => {
  const viewer = await given.stage.visit('/attempts', { role: 'viewer' });
  const stranger = await given.stage.visit('/attempts', { of: given.stage.foreign });
  const { url } = given.stage.hive;
  const writes: [method: string, path: string][] = [
    ['POST', `/v1/swarm/attempts/${own.attemptId}/backfill`],
    ['POST', `/v1/backfills/${own.attemptId}/cancel`],
    ['DELETE', `/v1/swarm/attempts/${own.attemptId}`],
    ['DELETE', `/v1/nodes/${own.nodeId}`],
  ];
  for (const [method, path] of writes) {
    const options = { method, headers: FROM_THE_CONSOLE, data: {} };
    expect({ method, path, status: (await viewer.request.fetch(url + path, options)).status() }).toEqual({
      method,
      path,
      status: 403,
    });
    expect({ method, path, status: (await stranger.request.fetch(url + path, options)).status() }).toEqual({
      method,
      path,
      status: 404,
    });
  }
  for (const path of ['/v1/nodes/invites', '/v1/nodes/api-keys', '/v1/session/links', '/v1/tokens']) {
    const answer = await viewer.request.post(url + path, {
      headers: FROM_THE_CONSOLE,
      data: { name: 'x', role: 'admin' },
    });
    expect({ path, status: answer.status() }).toEqual({ path, status: 403 });
  }
  expect(await given.stage.world.database.attempt.count({ where: { id: own.attemptId } })).toBe(1);
  expect(await given.stage.world.database.node.count({ where: { id: own.nodeId } })).toBe(1);
});
