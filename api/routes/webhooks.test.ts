import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import request from 'supertest';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { createdWebhook, deliveryPage, rotatedSecret, startedTest, webhookList } from '../schemas/webhook.js';

let hive: TestHive;
beforeAll(async () => {
  hive = await startTestHive();
});
afterAll(() => hive.close());
beforeEach(async () => {
  await hive.database.$executeRaw`DELETE FROM webhook`;
});

const URL_ = 'https://receiver.example/hooks?key=in-the-address';
const as = (token: string, test: request.Test) => test.set('authorization', `Bearer ${token}`);
const post = (path: string, body: object = {}, token = hive.own.admin) =>
  as(token, request(hive.app).post(path).send(body));
const get = (path: string, token = hive.own.admin) => hive.get(path, token);
const remove = (id: string, token = hive.own.admin) => as(token, request(hive.app).delete(`/v1/webhooks/${id}`));

async function make(body: object = {}, token = hive.own.admin) {
  const response = await post('/v1/webhooks', { url: URL_, ...body }, token);
  expect(response.status).toBe(201);
  return createdWebhook.parse(response.body);
}

test('an admin makes a webhook, whose secret is shown once and never logged', async () => {
  const made = await make({
    description: 'chat',
    events: ['attempt.ended', 'node.offline', 'attempt.ended'],
    offline_minutes: 5,
  });
  expect(made.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  const { secret, ...shown } = made;
  expect(shown).toMatchObject({
    ...{ url: URL_, description: 'chat', events: ['attempt.ended', 'node.offline'], offline_minutes: 5 },
    ...{ last_delivery: null, last_error: null, failing_since: null, waiting: 0 },
  });
  expect(webhookList.parse((await get('/v1/webhooks')).body)).toEqual([shown]);
  expect((await get(`/v1/webhooks/${made.id}`)).body).toEqual(shown);
  const rotated = rotatedSecret.parse((await post(`/v1/webhooks/${made.id}/rotate-secret`)).body).secret;
  expect(rotated).not.toBe(secret);
  const row = await hive.database.webhook.findUniqueOrThrow({ where: { id: made.id } });
  expect(row).toMatchObject({ secret: rotated, formerSecret: secret });
  const log = hive.logged.join('');
  expect(log).toContain('webhook_made');
  for (const text of [secret, rotated, 'in-the-address']) expect(log).not.toContain(text);
});

test('webhooks are for admins of their organisation', async () => {
  const { id } = await make();
  const paths = ['', `/${id}`, `/${id}/deliveries`].map((path) => `/v1/webhooks${path}`);
  for (const path of paths) expect((await get(path, hive.own.viewer)).status).toBe(403);
  expect((await post('/v1/webhooks', { url: URL_ }, hive.own.viewer)).status).toBe(403);
  expect((await remove(id, hive.own.viewer)).status).toBe(403);
  expect((await get('/v1/webhooks', hive.foreign.admin)).body).toEqual([]);
  for (const path of paths.slice(1)) expect((await get(path, hive.foreign.admin)).status).toBe(404);
  for (const path of ['test', 'rotate-secret'])
    expect((await post(`/v1/webhooks/${id}/${path}`, {}, hive.foreign.admin)).status).toBe(404);
  expect((await remove(id, hive.foreign.admin)).status).toBe(404);
  expect((await remove(id)).status).toBe(204);
  expect((await remove(id)).status).toBe(404);
});

test.each([
  ['no URL', 'receiver', 'must be an http:// or https:// URL'],
  ['another scheme', 'file:///etc/passwd', 'must be an http:// or https:// URL'],
  ['a user name', 'https://user:secret@receiver.example/', 'must not contain a user name or a password'],
  ['this machine', 'http://localhost:5432/', 'must not be a private address'],
  ['an address of this machine', 'http://[::ffff:127.0.0.1]/', 'must not be a private address'],
  ['a private address in a number', 'http://167772161/', 'must not be a private address'],
  ['a machine’s credentials', 'http://169.254.169.254/', 'must not be a private address'],
])('%s is refused', async (_, url, message) => {
  const response = await post('/v1/webhooks', { url });
  expect(response.status).toBe(400);
  expect(response.body).toMatchObject({ code: 'invalid_request', errors: [{ field: 'url' }] });
  expect(response.text).toContain(message);
  expect(response.text).not.toContain('secret');
});

test.each([
  ['too long a URL', { url: `https://receiver.example/${'x'.repeat(2048)}` }],
  ['no event', { url: URL_, events: [] }],
  ['an unknown event', { url: URL_, events: ['attempt.begun'] }],
  ['no minute', { url: URL_, offline_minutes: 0 }],
  ['another organisation', { url: URL_, organization_id: randomUUID() }],
])('%s is refused', async (_, body) => {
  expect([400, 403]).toContain((await post('/v1/webhooks', body)).status);
});

test('private addresses can be allowed', async () => {
  const other = await startTestHive({ allowsPrivateWebhooks: true });
  try {
    const create = (url: string) => as(other.own.admin, request(other.app).post('/v1/webhooks').send({ url }));
    expect((await create('http://localhost:8080/')).status).toBe(201);
    expect((await create('http://169.254.169.254/')).status).toBe(400);
  } finally {
    await other.close();
  }
});

test('an organisation has twenty webhooks at most', async () => {
  for (let index = 0; index < 20; index++) await make();
  expect((await post('/v1/webhooks', { url: URL_ })).body).toMatchObject({ status: 409, code: 'conflict' });
  await make({}, hive.foreign.admin);
});

test('a test is one event, and one at a time', async () => {
  const { id } = await make();
  const response = await post(`/v1/webhooks/${id}/test`);
  expect(response.status).toBe(202);
  const { delivery_id } = startedTest.parse(response.body);
  expect((await post(`/v1/webhooks/${id}/test`)).status).toBe(409);
  const page = deliveryPage.parse((await get(`/v1/webhooks/${id}/deliveries`)).body);
  expect(page).toMatchObject({
    deliveries: [
      { id: delivery_id, type: 'webhook.test', state: 'waiting', tries: 0, attempt_id: null, delivered_at: null },
    ],
    has_more: false,
  });
  expect((await post(`/v1/webhooks/${randomUUID()}/test`)).status).toBe(404);
});

test('deliveries are listed newest first, page by page, and by how they are', async () => {
  const { id } = await make();
  await hive.database.$executeRaw`
    INSERT INTO webhook_event (id, webhook_id, organization_id, type, subject_id, attempt_id, position, state, tries,
                               last_status, last_error, last_answer, ended_at)
    SELECT gen_random_uuid(), ${id}::uuid, ${hive.own.id}::uuid, 'attempt.ended', ${id}::uuid, ${id}::uuid, n,
           CASE WHEN n % 5 = 0 THEN 'given_up' ELSE 'delivered' END::webhook_event_state, 3, 500, 'http_500', 'sorry', now()
    FROM generate_series(1, 25) AS n ORDER BY n`;
  const read = async (query: string) => deliveryPage.parse((await get(`/v1/webhooks/${id}/deliveries?${query}`)).body);
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await read(`limit=10${cursor === null ? '' : `&cursor=${cursor}`}`);
    seen.push(...page.deliveries.map((delivery) => delivery.id));
    cursor = page.next_cursor;
    expect(page.has_more).toBe(cursor !== null);
  } while (cursor !== null);
  const rows = await hive.database.webhookEvent.findMany({ orderBy: { number: 'desc' } });
  expect(seen).toEqual(rows.map((row) => row.id));
  const given = deliveryPage.parse((await get(`/v1/webhooks/${id}/deliveries?state=given_up`)).body).deliveries;
  expect(given).toHaveLength(5);
  expect(given[0]).toMatchObject({
    tries: 3,
    last_status: 500,
    last_error: 'http_500',
    last_answer: 'sorry',
    delivered_at: null,
  });
});
