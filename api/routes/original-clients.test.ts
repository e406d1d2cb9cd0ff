/** What clients of the original hive send: every request names an organisation, and logs are asked for without bounds. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../../tests/harness/seed.js';
import { syncLogPage, type SyncLogPage } from '../schemas/log.js';
import { apiKeyList, createdApiKey, nodeList } from '../schemas/node.js';

let hive: TestHive;
let attemptId: string;
let sharedTaskId: string;

beforeAll(async () => {
  hive = await startTestHive();
  sharedTaskId = randomUUID();
  for (const organization of [hive.foreign, hive.own]) {
    const nodeId = await seedNode(hive.database, organization.id, { name: organization.id });
    const metadata = { shared_task_id: sharedTaskId };
    attemptId = await seedAttempt(hive.database, { organizationId: organization.id, nodeId, metadata });
    const executionId = await seedExecution(hive.database, { attemptId, nodeId, ordinal: 1, declaredLines: 5 });
    await appendPage(hive.database, executionId, makeLines('line', 5));
  }
});
afterAll(() => hive.close());

async function ask(path: string, token?: string): Promise<{ status: number; body: unknown; text: string }> {
  const { status, body, text } = (await hive.get(path, token)) as { status: number; body: unknown; text: string };
  return { status, body, text };
}

describe('an organisation that the request names', () => {
  const ROUTES: [string, () => string][] = [
    ['GET /v1/nodes', () => '/v1/nodes'],
    ['GET /v1/nodes/api-keys', () => '/v1/nodes/api-keys'],
    ['GET /v1/sync/nodes', () => '/v1/sync/nodes'],
    ['GET /v1/sync/swarm/attempts/{id}', () => `/v1/sync/swarm/attempts/${attemptId}`],
    ['GET /v1/sync/swarm/attempts/{id}/logs', () => `/v1/sync/swarm/attempts/${attemptId}/logs`],
    ['GET /v1/sync/swarm/tasks/{id}/attempts', () => `/v1/sync/swarm/tasks/${sharedTaskId}/attempts`],
  ];

  test.each(ROUTES)('%s takes the caller’s own, and refuses every other', async (_, pathOf) => {
    const path = pathOf();
    const own = hive.own.id;
    const plain = await hive.get(path);
    expect(plain.status).toBe(200);
    for (const id of [own, own.toUpperCase()]) {
      const named = await hive.get(`${path}?organization_id=${id}`);
      expect([named.status, named.body]).toEqual([200, plain.body]);
    }
    for (const id of [hive.foreign.id, randomUUID()]) {
      const { status, body, text } = await ask(`${path}?organization_id=${id}`);
      expect([status, body]).toEqual([403, expect.objectContaining({ error: 'Not a member of organization' })]);
      expect(text).not.toContain(hive.foreign.id);
    }
    for (const query of ['organization_id=', 'organization_id=x', `organization_id=${own}&organization_id=${own}`]) {
      const { status, body } = await ask(`${path}?${query}`);
      expect([query, status, body]).toEqual([
        query,
        400,
        expect.objectContaining({ errors: [expect.objectContaining({ in: 'query', field: 'organization_id' })] }),
      ]);
    }
  });

  test('POST /v1/nodes/api-keys makes a key only for the caller’s own', async () => {
    const create = (body: object) =>
      request(hive.app).post('/v1/nodes/api-keys').set('authorization', `Bearer ${hive.own.admin}`).send(body);
    const made = await create({ organization_id: hive.own.id, name: 'lab key' });
    expect(made.status).toBe(201);
    expect(createdApiKey.parse(made.body).api_key).toMatchObject({ organization_id: hive.own.id, name: 'lab key' });
    for (const id of [hive.foreign.id, randomUUID()]) {
      const refused = await create({ organization_id: id, name: 'stolen' });
      expect([refused.status, refused.body]).toMatchObject([403, { error: 'Not a member of organization' }]);
    }
    const bad = await create({ organization_id: 7, name: 'bad' });
    expect([bad.status, bad.body]).toMatchObject([400, { errors: [{ in: 'body', field: 'organization_id' }] }]);
    for (const token of [hive.own.admin, hive.foreign.admin]) {
      const keys = apiKeyList.parse((await hive.get('/v1/nodes/api-keys', token)).body);
      expect(keys.map(({ name }) => name)).toEqual(token === hive.own.admin ? ['lab key'] : []);
    }
  });

  test('a node’s own key may name it as well', async () => {
    const made = await request(hive.app)
      .post('/v1/nodes/api-keys')
      .set('authorization', `Bearer ${hive.own.admin}`)
      .send({ name: 'of a node' });
    const { secret } = createdApiKey.parse(made.body);
    const { status, body } = await ask(`/v1/sync/nodes?organization_id=${hive.own.id}`, secret);
    expect(status).toBe(200);
    expect(nodeList.parse(body).every((node) => node.organization_id === hive.own.id)).toBe(true);
  });
});

describe('the original’s log route', () => {
  const get = (query: string) => ask(`/v1/sync/swarm/attempts/${attemptId}/logs?${query}`);
  const read = async (query: string): Promise<SyncLogPage> => {
    const response = await get(query);
    expect([query, response.status]).toEqual([query, 200]);
    return syncLogPage.parse(response.body);
  };
  const contents = (page: SyncLogPage) => page.entries.map(({ content }) => content);
  const lines = (...numbers: number[]) => numbers.map((number) => `line ${number}`);

  test.each(['limit=0', 'limit=-1', 'limit=-0', 'limit=0&direction=forward', 'limit=-1&direction=forward'])(
    '%s gives no entries, and says that there are some',
    async (query) => {
      expect(await read(query)).toEqual({ entries: [], next_cursor: null, has_more: true, total_count: 5 });
    },
  );

  test('limit=0 looks only behind the cursor, limit=-1 at the whole log', async () => {
    const oldest = (await read('direction=forward&limit=1')).entries[0]?.id ?? 0;
    const nothing = { entries: [], next_cursor: null, total_count: 5 };
    expect(await read(`limit=0&cursor=${oldest}`)).toEqual({ ...nothing, has_more: false });
    expect(await read(`limit=-1&cursor=${oldest}`)).toEqual({ ...nothing, has_more: true });
  });

  test('limit=0 and limit=-1 of an attempt without lines say that there are none', async () => {
    const nodeId = await seedNode(hive.database, hive.own.id);
    const empty = await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId });
    for (const limit of [0, -1]) {
      const { body } = await ask(`/v1/sync/swarm/attempts/${empty}/logs?limit=${limit}`);
      expect(body).toEqual({ entries: [], next_cursor: null, has_more: false, total_count: 0 });
    }
  });

  test('every direction but forward is backward', async () => {
    for (const query of ['', 'direction=backward', 'direction=sideways', 'direction=', 'direction=Forward']) {
      expect(contents(await read(query))).toEqual(lines(5, 4, 3, 2, 1));
    }
    expect(contents(await read('direction=forward'))).toEqual(lines(1, 2, 3, 4, 5));
  });

  test('a limit above what is given at once is no error, and the cursor goes on from there', async () => {
    const nodeId = await seedNode(hive.database, hive.own.id);
    const long = await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId });
    const executionId = await seedExecution(hive.database, { attemptId: long, nodeId, ordinal: 1 });
    for (let from = 1; from <= 10_500; from += 1500) {
      await appendPage(hive.database, executionId, makeLines('line', 1500, from));
    }
    const ids: number[] = [];
    for (let cursor = '', more = true; more;) {
      const { body } = await ask(`/v1/sync/swarm/attempts/${long}/logs?limit=9223372036854775807${cursor}`);
      const page = syncLogPage.parse(body);
      ids.push(...page.entries.map(({ id }) => id));
      expect(page.next_cursor).toBe(page.has_more ? ids.at(-1) : null);
      cursor = `&cursor=${page.next_cursor}`;
      more = page.has_more;
    }
    expect(new Set(ids).size).toBe(10_500);
    expect(ids).toEqual(ids.toSorted((a, b) => b - a));
  });

  test('every row id is a cursor, also one that no row has', async () => {
    for (const cursor of ['0', '-1', '-9223372036854775808']) {
      expect(contents(await read(`cursor=${cursor}`))).toEqual([]);
      expect(contents(await read(`direction=forward&cursor=${cursor}`))).toEqual(lines(1, 2, 3, 4, 5));
    }
    for (const cursor of ['9007199254740993', '9223372036854775807']) {
      expect(contents(await read(`cursor=${cursor}`))).toEqual(lines(5, 4, 3, 2, 1));
      expect(contents(await read(`direction=forward&cursor=${cursor}`))).toEqual([]);
    }
  });

  test('what the original does not know is ignored', async () => {
    expect(contents(await read('limit=1&after_id=7&x=y'))).toEqual(lines(5));
    expect((await hive.get('/v1/sync/nodes?x=y')).status).toBe(200);
  });

  test.each([
    ['limit', 'x'],
    ['limit', ''],
    ['limit', '1.5'],
    ['limit', '-2'],
    ['limit', '9223372036854775808'],
    ['limit', '1'.repeat(100)],
    ['cursor', 'x'],
    ['cursor', ''],
    ['cursor', '1e3'],
  ])('%s=%s is refused by name', async (field, value) => {
    const { status, body } = await get(`${field}=${value}`);
    expect([status, body]).toMatchObject([400, { errors: [{ in: 'query', field }] }]);
  });

  test('our own route keeps its bounds', async () => {
    for (const query of ['limit=0', 'limit=10001', 'direction=sideways', `organization_id=${hive.own.id}`]) {
      const { status } = await ask(`/v1/swarm/attempts/${attemptId}/logs?${query}`);
      expect([query, status]).toEqual([query, 400]);
    }
  });
});
