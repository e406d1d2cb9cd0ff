import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import request from 'supertest';
import { openDatabase } from '../prisma/client.js';
import { createApiToken, revokeApiToken } from '../prisma/queries/api-token.js';
import { NO_BACKFILLS, startTestHive, type TestHive } from '../tests/harness/http-api.js';
import { createApp } from './app.js';
import { problem } from './schemas/common.js';

let hive: TestHive;
const ID = randomUUID();

beforeAll(async () => {
  hive = await startTestHive({ corsOrigins: ['https://ui.test'], limits: { failedLoginsPerMinute: 20 } });
});
afterAll(() => hive.close());

describe('an invalid request is refused, naming the invalid field', () => {
  test.each([
    ['/v1/nodes?organization_id=1', 'query', 'organization_id'],
    ['/v1/nodes/not-a-uuid', 'path', 'id'],
    [`/v1/nodes/task-attempts/${ID}?wait=31`, 'query', 'wait'],
    [`/v1/nodes/task-attempts/${ID}?wait=soon`, 'query', 'wait'],
    [`/v1/nodes/task-attempts/${ID}?wait=1&wait=2`, 'query', 'wait'],
    ['/v1/swarm/attempts?limit=0', 'query', 'limit'],
    ['/v1/swarm/attempts?limit=1001', 'query', 'limit'],
    ['/v1/swarm/attempts?limit=', 'query', 'limit'],
    ['/v1/swarm/attempts?sync_state=done', 'query', 'sync_state'],
    ['/v1/swarm/attempts?cursor=x', 'query', 'cursor'],
    [
      `/v1/swarm/attempts?cursor=${Buffer.from('["2026-01-01T00:00:00Z","x"]').toString('base64url')}`,
      'query',
      'cursor',
    ],
    [`/v1/swarm/attempts/${ID}/logs?limit=10001`, 'query', 'limit'],
    [`/v1/swarm/attempts/${ID}/logs?limit=99999999999999999999`, 'query', 'limit'],
    [`/v1/swarm/attempts/${ID}/logs?limit=1.5`, 'query', 'limit'],
    [`/v1/swarm/attempts/${ID}/logs?direction=up`, 'query', 'direction'],
    [`/v1/swarm/attempts/${ID}/logs?__proto__=1`, 'query', '__proto__'],
    [`/v1/sync/swarm/attempts/${ID}/logs?cursor=f0`, 'query', 'cursor'],
    ['/v1/backfills?status=lost', 'query', 'status'],
    ['/v1/backfills?cursor=%25%25', 'query', 'cursor'],
    [`/v1/swarm/attempts/${ID}/logs/download?format=xml`, 'query', 'format'],
    ['/healthz?verbose=1', 'query', 'verbose'],
  ])('%s', async (path, where, field) => {
    const response = await hive.get(path);
    expect(response.status).toBe(400);
    expect(response.headers['content-type']).toContain('application/problem+json');
    const { errors, error, detail } = problem.parse(response.body);
    expect(errors?.map((fault) => [fault.in, fault.field])).toEqual([[where, field]]);
    expect(error).toBe(detail);
    expect(error).toContain(field);
  });
});

test.each([
  ['q=', 'q: must not be empty'],
  [`q=${'x'.repeat(201)}`, 'q: must have at most 200 characters'],
  ['status=done', 'status: must be running, completed, failed or killed'],
  ['status=failed&status=killed', 'status: must be running, completed, failed or killed, given once'],
  ['q=a&q=b', 'q: must be one text, given once'],
  ['limit=1&limit=2', 'limit: must be one text, given once'],
  ['limit=0', 'limit: must be at least 1'],
  ['node_id=x', 'node_id: must be a UUID'],
  ['since=2026-11-27', 'since: must be a time like 2026-11-27T08:00:00Z'],
])('what is wrong is said in words: %s', async (query, error) => {
  expect(problem.parse((await hive.get(`/v1/swarm/attempts?${query}`)).body).error).toBe(error);
});

test('what is wrong with a body is said in words', async () => {
  const answers: [object, string][] = [
    [{}, 'name: is required'],
    [{ name: 5 }, 'name: must be a text'],
    [{ name: '' }, 'name: must not be empty'],
    [{ name: 'x', role: 'root' }, 'role: must be viewer or admin'],
    [{ name: 'x', expires_in_days: 0 }, 'expires_in_days: must be more than 0'],
  ];
  for (const [body, error] of answers) {
    const sent = request(hive.app).post('/v1/tokens').set('authorization', `Bearer ${hive.own.admin}`).send(body);
    expect(problem.parse((await sent).body).error).toBe(error);
  }
});

describe('a body is refused', () => {
  const post = (body: string, type = 'application/json') =>
    request(hive.app)
      .post('/v1/nodes/api-keys')
      .set('authorization', `Bearer ${hive.own.admin}`)
      .set('content-type', type)
      .send(body);

  test.each([
    ['with an unknown field', '{"name":"a","role":"admin"}', 400, 'role'],
    ['with __proto__', '{"name":"a","__proto__":{}}', 400, '__proto__'],
    ['with a wrong type', '{"name":1}', 400, 'name'],
    ['without a required field', '{}', 400, 'name'],
    ['that is empty', '', 400, 'name'],
    ['with an empty name', '{"name":" "}', 400, 'name'],
    ['that is a list', '[]', 400, ''],
  ])('%s', async (_what, body, status, field) => {
    const response = await post(body);
    expect(response.status).toBe(status);
    expect(response.body).toMatchObject({ errors: [{ in: 'body', field }] });
  });

  test('that is not JSON', async () => {
    const response = await post('{"name": secret}');
    expect(response.body).toMatchObject({ status: 400, code: 'invalid_json' });
    expect(response.text).not.toContain('secret');
  });

  test('that is too large', async () => {
    const response = await post(JSON.stringify({ name: 'x'.repeat(70_000) }));
    expect(response.body).toMatchObject({ status: 413, code: 'body_too_large' });
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=iso-8859-1'])(
    'as %s',
    async (type) => expect((await post('{"name":"a"}', type)).body).toMatchObject({ status: 415 }),
  );
});

test('a wrong method is 405 with the allowed ones, an unknown path 404', async () => {
  const wrong = await request(hive.app).put('/v1/nodes/api-keys');
  expect(wrong.body).toMatchObject({ status: 405, code: 'method_not_allowed' });
  expect(wrong.headers['allow']).toBe('POST, GET, HEAD, OPTIONS');
  expect((await request(hive.app).delete('/v1/nodes/api-keys')).status).toBe(405);
  const options = await request(hive.app).options('/v1/nodes');
  expect([options.status, options.headers['allow']]).toEqual([204, 'GET, HEAD, OPTIONS']);
  expect((await request(hive.app).get('/v1/nothing')).body).toMatchObject({ status: 404, code: 'not_found' });
  expect((await request(hive.app).get('/v1/nodes/%zz')).body).toMatchObject({ status: 400 });
  expect((await request(hive.app).get('/v1/nodes/ws')).status).toBe(426);
});

describe('a credential is refused', () => {
  test.each([
    undefined,
    'Basic x',
    'Bearer',
    'Bearer hive_x',
    `Bearer ${'0'.repeat(64)}`,
    `Bearer ${'x'.repeat(9000)}`,
  ])('%s', async (header) => {
    const call = request(hive.app).get('/v1/nodes');
    const response = await (header === undefined ? call : call.set('authorization', header));
    expect(response.body).toMatchObject({ status: 401, code: 'unauthenticated' });
    expect(response.headers['www-authenticate']).toMatch(/^Bearer realm="hivesync"/);
  });

  test('that has expired or was revoked, at once', async () => {
    const make = (expiresAt?: Date) =>
      createApiToken(hive.database, {
        organizationId: hive.own.id,
        name: 't',
        role: 'viewer',
        ...(expiresAt && { expiresAt }),
      });
    const expired = await make(new Date(Date.now() - 1000));
    expect((await hive.get('/v1/nodes', expired.secret)).body).toMatchObject({ error: 'the token has expired' });
    const revoked = await make(new Date(Date.now() + 60_000));
    expect((await hive.get('/v1/nodes', revoked.secret)).status).toBe(200);
    await revokeApiToken(hive.database, hive.own.id, revoked.token.id);
    expect((await hive.get('/v1/nodes', revoked.secret)).status).toBe(401);
  });

  test('too often from one address: 429, while valid credentials still work', async () => {
    const refused = await Promise.all(Array.from({ length: 45 }, () => hive.get('/v1/nodes', 'hive_x')));
    // in any order, and a new minute may have begun in between
    const limited = refused.find(({ status }) => status === 429);
    expect(limited?.headers['retry-after']).toMatch(/^\d+$/);
    expect((await hive.get('/v1/nodes')).status).toBe(200);
  });
});

test('a credential with too many requests gets 429 with Retry-After', async () => {
  const limited = await startTestHive({ limits: { requestsPerMinute: 3 } });
  const answers = [];
  for (let index = 0; index < 4; index++) answers.push(await limited.get('/v1/nodes'));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
  expect(problem.parse(answers.at(-1)?.body).code).toBe('too_many_requests');
  expect((await limited.get('/v1/nodes', limited.own.admin)).status).toBe(200);
  await limited.close();
});

test('a valid request id is kept, any other replaced; problems and the log contain it', async () => {
  const sent = await hive.get('/v1/nodes/x').set('x-request-id', 'abc-1');
  expect(sent.headers['x-request-id']).toBe('abc-1');
  expect(problem.parse(sent.body).request_id).toBe('abc-1');
  expect(hive.logged.some((line) => line.includes('"id":"abc-1"'))).toBe(true);
  const bad = await hive.get('/v1/nodes').set('x-request-id', 'a b"');
  expect(bad.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
});

test('no secret is logged', async () => {
  await hive.get('/v1/nodes');
  const log = hive.logged.join('');
  for (const secret of [hive.own.viewer, hive.own.admin, 'authorization']) expect(log).not.toContain(secret);
});

test('only configured origins get CORS headers', async () => {
  const allowed = await hive.get('/v1/nodes').set('origin', 'https://ui.test');
  expect(allowed.headers['access-control-allow-origin']).toBe('https://ui.test');
  const other = await hive.get('/v1/nodes').set('origin', 'https://evil.test');
  expect(other.headers['access-control-allow-origin']).toBeUndefined();
  const preflight = await request(hive.app)
    .options('/v1/nodes')
    .set({ origin: 'https://ui.test', 'access-control-request-method': 'GET' });
  expect([preflight.status, preflight.headers['access-control-allow-methods']]).toEqual([204, 'GET, POST, DELETE']);
});

test('without a database: 503 with Retry-After, and not ready', async () => {
  const database = openDatabase('postgres://nobody:nothing@127.0.0.1:1/none');
  const app = createApp({
    database,
    backfills: NO_BACKFILLS,
    logger: pino({ level: 'silent' }),
    health: () => ({ temporal: false, workers: true }),
  });
  const response = await request(app).get('/v1/nodes').set('authorization', `Bearer ${hive.own.viewer}`);
  expect(response.body).toMatchObject({ status: 503, code: 'database_unavailable' });
  expect(response.headers['retry-after']).toBe('2');
  const ready = await request(app).get('/readyz');
  const reasons = { database: 'the database cannot be reached (ECONNREFUSED)' };
  expect([ready.status, ready.body]).toEqual([
    503,
    { database: 'degraded', temporal: 'degraded', workers: 'ok', reasons },
  ]);
  expect((await request(app).get('/healthz')).status).toBe(200);
  await database.$disconnect();
});
