/** Signing in to the console, and when that ends. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { createApiToken, revokeApiToken } from '../../prisma/queries/api-token.js';
import { createNodeApiKey } from '../../prisma/queries/node-api-key.js';
import { cookieFor, cookieOf, FROM_CONSOLE, signIn } from '../../tests/harness/console-session.js';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { listen } from '../../tests/harness/listen.js';
import { textWithin } from '../../tests/harness/text-within.js';
import { createHttpServer } from '../app.js';
import { currentSession, sessionLink } from '../schemas/session.js';

let hive: TestHive;
beforeAll(async () => {
  hive = await startTestHive({ version: '1.2.3', limits: { failedLoginsPerMinute: 1000 } });
});
beforeEach(() => void hive.logged.splice(0));
afterAll(() => hive.close());

const get = (path: string, cookie: string) => request(hive.app).get(path).set('cookie', cookie);

async function sessionOf(cookie: string) {
  const response = await get('/v1/session', cookie);
  expect(response.status).toBe(200);
  return currentSession.parse(response.body).session;
}

/** @returns the secret of a new token, and its id */
async function newToken(role: 'viewer' | 'admin', expiresAt?: Date): Promise<{ id: string; secret: string }> {
  const expiry = expiresAt && { expiresAt };
  const { token, secret } = await createApiToken(hive.database, {
    organizationId: hive.own.id,
    name: role,
    role,
    ...expiry,
  });
  return { id: token.id, secret };
}

/** Sets the clock of all sessions forward: nobody has used them for so long. */
async function leaveAlone(hours: number): Promise<void> {
  await hive.database.$executeRaw`
    UPDATE console_session SET created_at = created_at - make_interval(hours => ${hours}),
      last_used_at = last_used_at - make_interval(hours => ${hours}),
      expires_at = expires_at - make_interval(hours => ${hours}), ends_at = ends_at - make_interval(hours => ${hours})`;
}

describe('a session', () => {
  test('tells who it is of, and what the hive tells anyone', async () => {
    const nobody = currentSession.parse((await request(hive.app).get('/v1/session')).body);
    expect(nobody).toEqual({ session: null, hive: { version: '1.2.3', public_url: null, sign_in: { oidc: false } } });
    const session = await sessionOf(await cookieFor(hive.app, hive.own.admin));
    expect(session).toMatchObject({ role: 'admin', organization: { id: hive.own.id, name: 'own' } });
    const byToken = await request(hive.app).get('/v1/session').set('authorization', `Bearer ${hive.own.viewer}`);
    expect(currentSession.parse(byToken.body).session).toMatchObject({ role: 'viewer', expires_at: null });
  });

  test('ends when somebody signs out, and the cookie is taken away', async () => {
    const cookie = await cookieFor(hive.app, hive.own.viewer);
    const signOut = (headers: Record<string, string>) =>
      request(hive.app).delete('/v1/session').set('cookie', cookie).set(headers);
    expect((await signOut({})).status).toBe(403);
    expect((await get('/v1/nodes', cookie)).status).toBe(200);
    const response = await signOut(FROM_CONSOLE);
    expect(response.status).toBe(204);
    expect(cookieOf(response).set).toMatch(/^hivesync_session=; Path=\/; Expires=Thu, 01 Jan 1970/);
    expect((await get('/v1/nodes', cookie)).status).toBe(401);
    expect((await signOut(FROM_CONSOLE)).status).toBe(204);
    expect((await request(hive.app).delete('/v1/session')).status).toBe(204);
    expect(await sessionOf(cookie)).toBeNull();
  });

  test('ends with the token that opened it', async () => {
    const { id, secret } = await newToken('viewer');
    const cookie = await cookieFor(hive.app, secret);
    await revokeApiToken(hive.database, hive.own.id, id);
    const response = await get('/v1/nodes', cookie);
    expect([response.status, (response.body as { detail: string }).detail]).toEqual([
      401,
      'the token behind the session has been revoked',
    ]);
    expect(await sessionOf(cookie)).toBeNull();
    await hive.database.apiToken.delete({ where: { id } });
    expect((await get('/v1/nodes', cookie)).status).toBe(401);
  });

  test('does not outlive a token that expires', async () => {
    const expiresAt = new Date(new Date().getTime() + 3_600_000);
    const { id, secret } = await newToken('viewer', expiresAt);
    const cookie = await cookieFor(hive.app, secret);
    expect((await sessionOf(cookie))?.expires_at).toBe(expiresAt.toISOString());
    await hive.database.apiToken.update({ where: { id }, data: { expiresAt: new Date() } });
    expect((await get('/v1/nodes', cookie)).status).toBe(401);
  });

  test('ends 12 hours after it was used last, and after 7 days however much it is used', async () => {
    const [used, unused] = [await cookieFor(hive.app, hive.own.viewer), await cookieFor(hive.app, hive.own.viewer)];
    for (let hours = 0; hours < 7 * 24 - 11; hours += 11) {
      expect([hours, (await get('/v1/nodes', used)).status]).toEqual([hours, 200]);
      await leaveAlone(11);
    }
    expect((await get('/v1/nodes', unused)).status).toBe(401);
    expect((await get('/v1/nodes', used)).status).toBe(200);
    await leaveAlone(11);
    expect((await get('/v1/nodes', used)).status).toBe(401);
  });

  test.each([
    ['what a page asks by itself, when nobody has touched it for long', { 'x-hivesync-unattended': '1' }],
    ['a stream that is opened again and again', { accept: 'text/event-stream' }],
  ])('is not kept going by %s', async (_, headers) => {
    const cookie = await cookieFor(hive.app, hive.own.viewer);
    const ask = async () => (await get('/v1/session', cookie).set(headers)).body as { session: unknown };
    await leaveAlone(11);
    expect((await ask()).session).not.toBeNull();
    await leaveAlone(2);
    expect((await ask()).session).toBeNull();
    expect((await get('/v1/nodes', cookie)).status).toBe(401);
  });

  test('that a browser had before is over when somebody else signs in there', async () => {
    const first = await cookieFor(hive.app, hive.own.viewer);
    expect((await signIn(hive.app, { token: hive.own.admin }, { cookie: first })).status).toBe(204);
    expect((await get('/v1/nodes', first)).status).toBe(401);
  });

  test('is not kept going by a stream that nobody may be looking at', async () => {
    const checked = await startTestHive({ limits: { streamHeartbeatMs: 50 } });
    const server = createHttpServer(checked.app);
    try {
      const base = await listen(server);
      const cookie = await cookieFor(checked.app, checked.own.viewer);
      const gone = new AbortController();
      const url = `${base}/v1/changes/stream?after=latest`;
      const stream = await fetch(url, { headers: { cookie }, signal: gone.signal });
      await checked.database.$executeRaw`UPDATE console_session SET last_used_at = now() - interval '1 hour'`;
      const [before] = await checked.database.consoleSession.findMany();
      let text = '';
      for await (const chunk of stream.body as unknown as AsyncIterable<Uint8Array>) {
        text += Buffer.from(chunk).toString();
        if (text.split(': alive').length > 3) break; // before each the credential is checked
      }
      expect(await checked.database.consoleSession.findMany()).toEqual([before]);
      gone.abort();
    } finally {
      server.closeAllConnections();
      server.close();
      await checked.close();
    }
  });

  test('ends when its token has opened a hundred others since it was used', async () => {
    const { secret } = await newToken('viewer');
    const [unused, used] = [await cookieFor(hive.app, secret), await cookieFor(hive.app, secret)];
    const other = await cookieFor(hive.app, hive.own.viewer);
    await leaveAlone(1);
    await get('/v1/nodes', used);
    for (let n = 0; n < 99; n++) await cookieFor(hive.app, secret);
    const statuses = [];
    for (const cookie of [unused, used, other]) statuses.push((await get('/v1/nodes', cookie)).status);
    expect(statuses).toEqual([401, 200, 200]);
  });

  test('that is over takes no cookie away: the browser may have a new one by then', async () => {
    const response = await get('/v1/session', `hivesync_session=${'a'.repeat(43)}`);
    expect([response.status, cookieOf(response).set]).toEqual([200, '']);
  });

  test('follows the feed until somebody signs out', async () => {
    const checked = await startTestHive({ limits: { streamHeartbeatMs: 100 } });
    const server = createHttpServer(checked.app);
    try {
      const base = await listen(server);
      const body = JSON.stringify({ token: checked.own.viewer });
      const headers = { 'content-type': 'application/json' };
      const signedIn = await fetch(`${base}/v1/session`, { method: 'POST', headers, body });
      const cookie = (signedIn.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
      const stream = await fetch(`${base}/v1/changes/stream?after=latest`, { headers: { cookie } });
      expect(stream.status).toBe(200);
      const ending = textWithin(stream, 60_000);
      await fetch(`${base}/v1/session`, { method: 'DELETE', headers: { cookie, ...FROM_CONSOLE } });
      expect(await ending).toContain('"reason":"unauthenticated"');
    } finally {
      server.closeAllConnections();
      server.close();
      await checked.close();
    }
  });
});

describe('signing in', () => {
  test.each([
    ['an unknown token', () => ({ token: `hive_${'a'.repeat(43)}` }), 401],
    ['what is no token', () => ({ token: '<script>' }), 401],
    ['nothing', () => ({}), 400],
    ['both a token and a link', () => ({ token: hive.own.viewer, link: 'link_x' }), 400],
    ['an unknown link', () => ({ link: `link_${'a'.repeat(43)}` }), 401],
  ])('with %s is refused', async (_what, body, status) => {
    const response = await signIn(hive.app, body());
    expect(response.status).toBe(status);
    expect(cookieOf(response).set).toBe('');
  });

  test('with the key of a node is refused: it is for a program', async () => {
    const { secret } = await createNodeApiKey(hive.database, { organizationId: hive.own.id, name: 'key' });
    const response = await signIn(hive.app, { token: secret });
    expect([response.status, cookieOf(response).set]).toEqual([401, '']);
  });

  test('is nothing that another site’s page can do', async () => {
    for (const site of ['cross-site', 'same-site', 'none']) {
      expect((await signIn(hive.app, { token: hive.own.viewer }, { 'sec-fetch-site': site })).status).toBe(403);
    }
    // a form can send no JSON
    const form = request(hive.app).post('/v1/session').type('form').send({ token: hive.own.viewer });
    expect((await form).status).toBe(415);
  });

  test('leaves lines in the log, and no secret in them', async () => {
    const { secret } = await newToken('admin');
    const cookie = await cookieFor(hive.app, secret);
    await signIn(hive.app, { token: 'a-wrong-one' });
    const made = await request(hive.app).post('/v1/session/links').set('cookie', cookie).set(FROM_CONSOLE);
    const link = sessionLink.parse(made.body).url.split('=')[1] ?? '';
    await signIn(hive.app, { link });
    await request(hive.app).delete('/v1/session').set('cookie', cookie).set(FROM_CONSOLE);
    const log = hive.logged.join('');
    for (const event of ['session_opened', 'session_refused', 'session_link_made', 'session_ended']) {
      expect(log).toContain(`"event":"${event}"`);
    }
    for (const text of [secret, cookie.split('=')[1] ?? '', link, 'a-wrong-one']) expect(log).not.toContain(text);
  });
});
