/** Signing in and out, and what other sites' pages can do with a browser that is signed in: nothing. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { seedAttempt, seedNode } from '../harness/seed.js';
import { useConsole } from './harness/use-console.js';
import { FROM_THE_CONSOLE } from './harness/visits.js';

const given = useConsole();
let nodeId: string;
let attemptId: string;

/** A page of another site, which a person who is signed in opens. */
let elsewhere: Server;
let elsewhereUrl: string;

beforeAll(async () => {
  const { world, own } = given.stage;
  nodeId = await seedNode(world.database, own.id, { online: false });
  attemptId = await seedAttempt(world.database, {
    organizationId: own.id,
    nodeId,
    state: 'complete',
    metadata: { title: 'something to read', execution_count: 0 },
  });
  elsewhere = createServer((_, response) => {
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>elsewhere</title><h1>Elsewhere</h1>');
  }).listen(0);
  // the hive is at 127.0.0.1, so that this is another site
  elsewhereUrl = `http://localhost:${(elsewhere.address() as AddressInfo).port}/`;
});
afterAll(() => void elsewhere.close());

const tokenField = (page: Page) => page.getByLabel('API token');
const signInButton = (page: Page) => page.getByRole('button', { name: 'Sign in', exact: true });
const signedIn = (page: Page) => page.getByRole('button', { name: 'Sign out' }).waitFor();

async function sessionOf(page: Page): Promise<unknown> {
  const answer = await page.request.get(`${given.stage.hive.url}/v1/session`);
  return ((await answer.json()) as { session: unknown }).session;
}

test('signing in with a token leads to the page that was asked for, and leaves the token nowhere', async () => {
  const page = await given.stage.visit('/nodes', { role: 'nobody' });
  await tokenField(page).fill(given.stage.own.viewer);
  await page.keyboard.press('Enter');
  await signedIn(page);
  await page.getByRole('heading', { name: 'Nodes', level: 1 }).waitFor();
  expect(new URL(page.url()).pathname).toBe('/nodes');
  const [cookie, ...others] = await page.context().cookies();
  expect(others).toEqual([]);
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/' });
  expect(cookie?.name).toMatch(/^hivesync_session_[0-9a-f]{8}$/);
  expect(cookie?.value).not.toContain(given.stage.own.viewer);
  const kept = await page.evaluate<string>(
    'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href, history.state])',
  );
  expect(kept).not.toContain(given.stage.own.viewer);
  expect(kept).not.toContain(cookie?.value ?? 'no cookie');
  expect(await sessionOf(page)).toMatchObject({ role: 'viewer', organization: { name: given.stage.own.name } });
});

test('a wrong token is refused with a sentence, and can be corrected', async () => {
  const page = await given.stage.visit('/attempts', { role: 'nobody', mayFailToLoad: true });
  await tokenField(page).fill('hs_api_wrong');
  await signInButton(page).click();
  await page.getByRole('alert').waitFor();
  expect((await page.getByRole('alert').innerText()).length).toBeGreaterThan(10);
  expect(await page.context().cookies()).toEqual([]);
  await tokenField(page).fill(given.stage.own.admin);
  await signInButton(page).click();
  await signedIn(page);
});

test('signing out ends the session at the hive, too', async () => {
  const page = await given.stage.visit('/attempts', { mayFailToLoad: true });
  const [cookie] = await page.context().cookies();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await tokenField(page).waitFor();
  const answer = await fetch(`${given.stage.hive.url}/v1/swarm/attempts`, {
    headers: { cookie: `${cookie?.name ?? ''}=${cookie?.value ?? ''}` },
  });
  expect(answer.status).toBe(401);
});

test('a token that is revoked ends the sessions that it began', async () => {
  const page = await given.stage.visit('/attempts', { role: 'nobody', mayFailToLoad: true });
  const admin = { authorization: `Bearer ${given.stage.own.admin}`, 'content-type': 'application/json' };
  const made = await fetch(`${given.stage.hive.url}/v1/tokens`, {
    method: 'POST',
    headers: admin,
    body: JSON.stringify({ name: 'for a while', role: 'viewer' }),
  });
  const { token, secret } = (await made.json()) as { token: { id: string }; secret: string };
  const answer = await page.request.post(`${given.stage.hive.url}/v1/session`, {
    data: { token: secret },
    headers: FROM_THE_CONSOLE,
  });
  expect(answer.status()).toBe(204);
  await page.goto(`${given.stage.hive.url}/attempts`);
  await signedIn(page);
  const revoked = await fetch(`${given.stage.hive.url}/v1/tokens/${token.id}`, { method: 'DELETE', headers: admin });
  expect(revoked.status).toBe(204);
  await page.reload(); // without it, within the time that a stream goes on before it looks again
  await tokenField(page).waitFor();
});

test('a browser that keeps no cookie is told so', async () => {
  const page = await given.stage.visit('/nodes', { role: 'nobody' });
  await page.route('**/v1/session', (route) =>
    route.request().method() === 'POST' ? route.fulfill({ status: 204 }) : route.continue(),
  );
  await tokenField(page).fill(given.stage.own.viewer);
  await signInButton(page).click();
  await page.getByText('This browser kept no cookie').waitFor();
});

async function newLink(token: string): Promise<string> {
  const made = await fetch(`${given.stage.hive.url}/v1/session/links`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  const { pathname, search, hash } = new URL(((await made.json()) as { url: string }).url);
  expect(pathname + search).toBe('/sign-in');
  return pathname + hash;
}
const linkButton = (page: Page) => page.getByRole('button', { name: /^Sign in by this link/ });

test('a link signs in once, by a button that has the focus, and leaves the address', async () => {
  const link = await newLink(given.stage.own.admin);
  // what opens the link without a person uses nothing up, also where it runs scripts
  const opened = await given.stage.visit(link, { role: 'nobody' });
  await linkButton(opened).waitFor();
  expect(await opened.context().cookies()).toEqual([]);
  const page = await given.stage.visit(link, { role: 'nobody' });
  await linkButton(page).waitFor();
  await page.keyboard.press('Enter');
  await signedIn(page);
  expect(page.url()).not.toContain('link');
  const second = await given.stage.visit(link, { role: 'nobody', mayFailToLoad: true });
  await linkButton(second).click();
  await second.getByRole('alert').waitFor();
  expect(await second.context().cookies()).toEqual([]);
});

test('a link changes nothing for who is signed in unless they say so, and a used one signs nobody out', async () => {
  const link = await newLink(given.stage.foreign.admin);
  const page = await given.stage.visit(link, { mayFailToLoad: true });
  await linkButton(page).waitFor();
  expect(await page.locator('main').innerText()).toContain(given.stage.own.name);
  expect(await sessionOf(page)).toMatchObject({ organization: { id: given.stage.own.id } });
  await fetch(`${given.stage.hive.url}/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ link: link.split('=')[1] }),
  });
  await linkButton(page).click();
  await page.getByText('the link has been used').waitFor();
  await page.getByRole('link', { name: 'You are still signed in' }).click();
  await signedIn(page);
  await page.goto(given.stage.hive.url + (await newLink(given.stage.foreign.admin)));
  await linkButton(page).click();
  await signedIn(page);
  expect(await sessionOf(page)).toMatchObject({ organization: { id: given.stage.foreign.id } });
});

/** Opens a page elsewhere in the browser of an admin who is signed in. */
async function visitElsewhere(): Promise<Page> {
  const page = await given.stage.visit('/attempts');
  await signedIn(page);
  const tab = await page.context().newPage();
  await tab.goto(elsewhereUrl);
  return tab;
}

test("another site's page can change nothing, by script or by form, and read nothing", async () => {
  const page = await visitElsewhere();
  const { url } = given.stage.hive;
  const attacks: [path: string, options: object][] = [
    ['/v1/session', { method: 'DELETE' }],
    ['/v1/session', { method: 'POST', mode: 'no-cors', body: JSON.stringify({ token: given.stage.foreign.viewer }) }],
    [`/v1/nodes/${nodeId}`, { method: 'DELETE' }],
    [`/v1/nodes/${nodeId}`, { method: 'DELETE', headers: FROM_THE_CONSOLE }],
    [`/v1/swarm/attempts/${attemptId}`, { method: 'DELETE', headers: FROM_THE_CONSOLE }],
    ['/v1/nodes/api-keys', { method: 'POST', mode: 'no-cors', body: '{"name":"taken"}' }],
    ['/v1/swarm/attempts', {}],
    ['/v1/session', {}],
  ];
  for (const [path, options] of attacks) {
    const read = await page.evaluate<string>(
      `fetch(${JSON.stringify(url + path)}, ${JSON.stringify({ credentials: 'include', ...options })})
        .then((answer) => answer.text(), () => '')`,
    );
    expect({ path, read }).toEqual({ path, read: '' });
  }
  for (const [path, fields] of [
    ['/v1/session', { token: given.stage.foreign.viewer }],
    ['/v1/nodes/api-keys', { name: 'taken' }],
  ] as const) {
    await page.goto(elsewhereUrl);
    await page.evaluate(
      `{ const form = Object.assign(document.createElement('form'), { method: 'post', action: ${JSON.stringify(url + path)} });
         for (const [name, value] of Object.entries(${JSON.stringify(fields)})) {
           form.append(Object.assign(document.createElement('input'), { name, value }));
         }
         document.body.append(form); form.submit(); }`,
    );
    await page.waitForURL(url + path);
  }
  await page.goto(elsewhereUrl);
  await page.evaluate(
    `new Promise((resolve) => { const image = new Image(); image.onload = image.onerror = resolve; image.src = ${JSON.stringify(`${url}/v1/swarm/attempts`)}; })`,
  );
  const { database } = given.stage.world;
  expect(await database.node.count({ where: { id: nodeId } })).toBe(1);
  expect(await database.attempt.count({ where: { id: attemptId } })).toBe(1);
  expect(await database.nodeApiKey.count({ where: { name: 'taken' } })).toBe(0);
  expect(await sessionOf(page)).toMatchObject({ role: 'admin', organization: { id: given.stage.own.id } });
});

test('a page of the same site on another port can change nothing either', async () => {
  const page = await given.stage.visit('/attempts');
  await signedIn(page);
  const tab = await page.context().newPage();
  await tab.goto(elsewhereUrl.replace('localhost', '127.0.0.1'));
  const { url } = given.stage.hive;
  for (const [method, path] of [
    ['POST', '/v1/nodes/api-keys'],
    ['DELETE', `/v1/nodes/${nodeId}`],
  ] as const) {
    await tab.evaluate(
      `fetch(${JSON.stringify(url + path)}, { method: '${method}', credentials: 'include', ...(${method === 'POST'} && { mode: 'no-cors', body: '{"name":"taken"}' }) })
        .catch(() => undefined)`,
    );
  }
  const { database } = given.stage.world;
  expect(await database.nodeApiKey.count({ where: { name: 'taken' } })).toBe(0);
  expect(await database.node.count({ where: { id: nodeId } })).toBe(1);
});

test('no page can hold the console in a frame', async () => {
  const page = await visitElsewhere();
  await page.evaluate(
    `document.body.append(Object.assign(document.createElement('iframe'), { src: ${JSON.stringify(`${given.stage.hive.url}/attempts`)} }))`,
  );
  await page.waitForTimeout(1000);
  const framed = page.frames().find((frame) => frame.parentFrame() !== null);
  expect(await framed?.locator('body').innerText()).not.toMatch(/Attempts|Sign in/);
});

test('a write by cookie without the header of the console is refused, with a code of its own', async () => {
  const page = await given.stage.visit('/attempts');
  const answer = await page.request.delete(`${given.stage.hive.url}/v1/nodes/${nodeId}`);
  expect(answer.status()).toBe(403);
  const { code } = (await answer.json()) as { code: string };
  expect(code).not.toBe('forbidden');
  expect(await given.stage.world.database.node.count({ where: { id: nodeId } })).toBe(1);
});
