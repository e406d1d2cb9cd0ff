/** What a browser may do with the cookie of a session, and what other sites' pages may not. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { cookieFor, cookieOf, FROM_CONSOLE, signIn } from '../../tests/harness/console-session.js';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { seedNode } from '../../tests/harness/seed.js';
import { currentSession } from '../schemas/session.js';

let hive: TestHive;
beforeAll(async () => {
  hive = await startTestHive({ trustedProxies: 1, limits: { failedLoginsPerMinute: 1000 } });
});
afterAll(() => hive.close());

const HTTPS = { 'x-forwarded-proto': 'https' };

const get = (path: string, cookie: string) => request(hive.app).get(path).set('cookie', cookie);

async function sessionOf(cookie: string) {
  const response = await get('/v1/session', cookie);
  expect(response.status).toBe(200);
  return currentSession.parse(response.body).session;
}

describe('the cookie', () => {
  test('is one that no script can read and no other site can send, and holds nothing of the token', async () => {
    const { set, cookie } = cookieOf(await signIn(hive.app, { token: hive.own.viewer }));
    expect(set).toMatch(/^hivesync_session=[\w-]{43}; Max-Age=\d+; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/);
    expect(Number(/Max-Age=(\d+)/.exec(set)?.[1])).toBeCloseTo(7 * 24 * 3600, -2);
    expect(hive.own.viewer).not.toContain(cookie.split('=')[1]);
    const rows = await hive.database.consoleSession.findMany();
    expect(JSON.stringify(rows)).not.toContain(cookie.split('=')[1]);
  });

  test('is for https only where the browser came by https, also through a proxy', async () => {
    const { set, cookie } = cookieOf(await signIn(hive.app, { token: hive.own.viewer }, HTTPS));
    expect(set).toMatch(/^__Host-hivesync_session=/);
    expect(set).toMatch(/; HttpOnly; Secure; SameSite=Strict$/);
    expect((await get('/v1/nodes', cookie).set(HTTPS)).status).toBe(200);
    // a page without https could have set this one
    const unsafe = cookie.replace('__Host-', '');
    expect((await get('/v1/nodes', unsafe).set(HTTPS)).status).toBe(401);
  });

  test('is for https only where people reach the hive by https, whatever a proxy says', async () => {
    const published = await startTestHive({ publicUrl: 'https://hive.example' });
    try {
      const { set, cookie } = cookieOf(await signIn(published.app, { token: published.own.viewer }));
      expect(set).toMatch(/^__Host-hivesync_session=.*; HttpOnly; Secure; SameSite=Strict$/);
      const status = async (sent: string) => (await request(published.app).get('/v1/nodes').set('cookie', sent)).status;
      expect(await status(cookie)).toBe(200);
      expect(await status(cookie.replace('__Host-', ''))).toBe(401);
    } finally {
      await published.close();
    }
  });

  test('is not that of another installation on the same host, so that signing in to one signs out of none', async () => {
    const [one, other] = await Promise.all(
      ['8da461ae-8494-4e75-b98d-b07e5483863f', '0fe2b5d1-0d4f-4b6d-9d3c-7f4f2f3f7a11'].map((installationId) =>
        startTestHive({ installationId, trustedProxies: 1 }),
      ),
    );
    if (!one || !other) throw new Error('two hives were started');
    try {
      for (const headers of [{}, HTTPS]) {
        const cookies = await Promise.all(
          [one, other].map(async ({ app, own }) => cookieOf(await signIn(app, { token: own.viewer }, headers)).cookie),
        );
        // as a browser sends them, to all ports of the host
        for (const { app } of [one, other]) {
          const response = await request(app).get('/v1/nodes').set('cookie', cookies.join('; ')).set(headers);
          expect(response.status).toBe(200);
        }
      }
      const { set } = cookieOf(await signIn(one.app, { token: one.own.viewer }, HTTPS));
      expect(set).toMatch(/^__Host-hivesync_session_8da461ae=[\w-]{43}; .*; Path=\/; .*Secure/);
    } finally {
      await Promise.all([one.close(), other.close()]);
    }
  });

  test('counts for nothing if there are two: a neighbouring host may have set one', async () => {
    const [own, other] = [await cookieFor(hive.app, hive.own.viewer), await cookieFor(hive.app, hive.foreign.viewer)];
    for (const both of [`${own}; ${other}`, `${other}; ${own}`]) {
      expect((await get('/v1/nodes', both)).status).toBe(401);
      expect(await sessionOf(both)).toBeNull();
    }
  });

  test('gives what its organisation has, and nothing of another', async () => {
    const own = await seedNode(hive.database, hive.own.id, { name: 'own' });
    const foreign = await seedNode(hive.database, hive.foreign.id, { name: 'foreign' });
    const [here, there] = [await cookieFor(hive.app, hive.own.viewer), await cookieFor(hive.app, hive.foreign.viewer)];
    expect((await get(`/v1/nodes/${own}`, here)).status).toBe(200);
    expect((await get(`/v1/nodes/${foreign}`, here)).status).toBe(404);
    expect((await get(`/v1/nodes/${foreign}`, there)).status).toBe(200);
    expect((await sessionOf(there))?.organization).toEqual({ id: hive.foreign.id, name: 'foreign' });
  });

  test('counts for nothing beside an Authorization header', async () => {
    const cookie = await cookieFor(hive.app, hive.own.admin);
    const bearer = (token: string) => get('/v1/tokens', cookie).set('authorization', `Bearer ${token}`);
    expect((await get('/v1/tokens', cookie)).status).toBe(200);
    expect((await bearer(hive.own.viewer)).status).toBe(403);
    expect((await bearer('hive_unknown')).status).toBe(401);
  });

  test('that is made up is refused, whatever it holds', async () => {
    for (const value of ['', 'x', 'a'.repeat(43), '%00', '"', 'x'.repeat(4000)]) {
      expect((await get('/v1/nodes', `hivesync_session=${value}`)).status).toBe(401);
    }
  });
});

describe('a request by cookie that changes something', () => {
  const create = (cookie: string, headers: Record<string, string>) =>
    request(hive.app).post('/v1/nodes/api-keys').set('cookie', cookie).set(headers).send({ name: 'from the console' });

  test('is answered if it comes from the console', async () => {
    const cookie = await cookieFor(hive.app, hive.own.admin);
    expect((await create(cookie, FROM_CONSOLE)).status).toBe(201);
    expect((await create(cookie, { 'x-hivesync': '1' })).status).toBe(201); // browsers that don't say whence
  });

  test.each([
    ['has no header of the console’s', {}],
    ['has another value in it', { 'x-hivesync': '2' }],
    ['comes from another site', { 'x-hivesync': '1', 'sec-fetch-site': 'cross-site' }],
    ['comes from a neighbour of the hive’s host', { 'x-hivesync': '1', 'sec-fetch-site': 'same-site' }],
    ['comes from no page', { 'x-hivesync': '1', 'sec-fetch-site': 'none' }],
  ])('is refused if it %s', async (_how, headers) => {
    const response = await create(await cookieFor(hive.app, hive.own.admin), headers);
    expect([response.status, (response.body as { code: string }).code]).toEqual([403, 'cross_site_request']);
  });

  test('needs no such header with a token in the Authorization header', async () => {
    const response = await create(await cookieFor(hive.app, hive.own.viewer), {
      authorization: `Bearer ${hive.own.admin}`,
    });
    expect(response.status).toBe(201);
  });

  test('is refused to a viewer', async () => {
    const response = await create(await cookieFor(hive.app, hive.own.viewer), FROM_CONSOLE);
    expect([response.status, (response.body as { code: string }).code]).toEqual([403, 'forbidden']);
  });
});

test.each([
  ['by the console', 'same-origin', 200],
  ['by an address that was typed', 'none', 200],
  ['by a page of another port or a neighbouring host', 'same-site', 403],
  ['by a page of another site', 'cross-site', 403],
])('a read by cookie that is caused %s', async (_how, site, status) => {
  const cookie = await cookieFor(hive.app, hive.own.viewer);
  for (const path of ['/v1/nodes', '/v1/session']) {
    expect((await get(path, cookie).set('sec-fetch-site', site)).status).toBe(status);
  }
  const byToken = hive.get('/v1/nodes').set('sec-fetch-site', site);
  expect((await byToken).status).toBe(200);
});
