/** Links that sign a browser in to the console once. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import request from 'supertest';
import { createApiToken, revokeApiToken } from '../../prisma/queries/api-token.js';
import { cookieOf, signIn } from '../../tests/harness/console-session.js';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { currentSession, sessionLink } from '../schemas/session.js';

let hive: TestHive;
beforeAll(async () => {
  hive = await startTestHive();
});
afterAll(() => hive.close());

const get = (path: string, cookie: string) => request(hive.app).get(path).set('cookie', cookie);

async function newLink(token = hive.own.admin): Promise<string> {
  const response = await request(hive.app).post('/v1/session/links').set('authorization', `Bearer ${token}`);
  expect(response.status).toBe(201);
  const { url } = sessionLink.parse(response.body);
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/sign-in#link=link_[\w-]{43}$/);
  return url.slice(url.indexOf('=') + 1);
}
const detailOf = (response: request.Response) => (response.body as { detail: string }).detail;

test('a link signs in once, as whoever made it', async () => {
  const link = await newLink();
  const first = await signIn(hive.app, { link });
  expect(first.status).toBe(204);
  const current = await get('/v1/session', cookieOf(first).cookie);
  expect(currentSession.parse(current.body).session).toMatchObject({
    role: 'admin',
    organization: { id: hive.own.id },
  });
  const second = await signIn(hive.app, { link });
  expect([second.status, detailOf(second)]).toEqual([401, 'the link has been used; each signs in once']);
});

test('a link lets exactly one of many browsers in', async () => {
  const link = await newLink();
  const answers = await Promise.all(Array.from({ length: 8 }, () => signIn(hive.app, { link })));
  expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
});

test('a link is good for five minutes', async () => {
  const link = await newLink();
  await hive.database.$executeRaw`UPDATE console_link SET expires_at = now() WHERE used_at IS NULL`;
  const response = await signIn(hive.app, { link });
  expect([response.status, detailOf(response)]).toEqual([401, 'the link has expired; make another one']);
});

test('a link is worth nothing once its maker’s token is revoked, and neither is what it opened', async () => {
  const { token, secret } = await createApiToken(hive.database, {
    organizationId: hive.own.id,
    name: 'maker',
    role: 'admin',
  });
  const [opened, kept] = [
    cookieOf(await signIn(hive.app, { link: await newLink(secret) })).cookie,
    await newLink(secret),
  ];
  expect((await get('/v1/nodes', opened)).status).toBe(200);
  await revokeApiToken(hive.database, hive.own.id, token.id);
  expect((await signIn(hive.app, { link: kept })).status).toBe(401);
  expect((await get('/v1/nodes', opened)).status).toBe(401);
});

test('a link is made by admins only', async () => {
  const response = await request(hive.app).post('/v1/session/links').set('authorization', `Bearer ${hive.own.viewer}`);
  expect(response.status).toBe(403);
});

test('a link has the address at which people reach the hive', async () => {
  const published = await startTestHive({ publicUrl: 'https://hive.example' });
  try {
    const response = await request(published.app)
      .post('/v1/session/links')
      .set('authorization', `Bearer ${published.own.admin}`);
    expect(sessionLink.parse(response.body).url).toMatch(/^https:\/\/hive\.example\/sign-in#link=/);
  } finally {
    await published.close();
  }
});
