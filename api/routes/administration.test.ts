/** Tokens, organisations and the deletion of attempts over the API. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import request from 'supertest';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../../tests/harness/seed.js';
import { until } from '../../tests/harness/until.js';
import { createApiToken } from '../../prisma/queries/api-token.js';
import { numberChanges } from '../../prisma/queries/feed/number-changes.js';
import { createNodeApiKey } from '../../prisma/queries/node-api-key.js';
import { ensureDefaultOrganization } from '../../prisma/queries/organization.js';

let hive: TestHive;
let operator: string;

beforeAll(async () => {
  hive = await startTestHive();
  const { id: organizationId } = await ensureDefaultOrganization(hive.database);
  operator = (await createApiToken(hive.database, { organizationId, name: 'operator', role: 'admin' })).secret;
});
afterAll(() => hive.close());

const send = (method: 'post' | 'delete', path: string, token: string, body?: object) =>
  request(hive.app)[method](path).set('authorization', `Bearer ${token}`).send(body);

test('an admin makes a token of the own organisation, which works until it is revoked', async () => {
  const made = await send('post', '/v1/tokens', hive.own.admin, { name: ' ci ', role: 'admin', expires_in_days: 2 });
  expect(made.status).toBe(201);
  const { token, secret } = made.body as { token: { id: string; expires_at: string }; secret: string };
  expect(token).toMatchObject({ name: 'ci', role: 'admin', organization_id: hive.own.id, revoked_at: null });
  expect(Date.parse(token.expires_at) - Date.now()).toBeGreaterThan(47 * 3_600_000);
  const listed = await hive.get('/v1/tokens', secret);
  expect(listed.body).toEqual(expect.arrayContaining([expect.objectContaining({ id: token.id })]));
  expect(listed.text).not.toContain(secret);
  expect(hive.logged.join('')).not.toContain(secret);
  expect((await send('delete', `/v1/tokens/${token.id}`, hive.own.admin)).status).toBe(204);
  expect((await hive.get('/v1/tokens', secret)).status).toBe(401);
  expect((await send('delete', `/v1/tokens/${token.id}`, hive.own.admin)).status).toBe(404);
});

test('nobody gets more than they have: viewers and nodes make no tokens, and no admin one of another organisation', async () => {
  const { secret: node } = await createNodeApiKey(hive.database, { organizationId: hive.own.id, name: 'node' });
  for (const credential of [hive.own.viewer, node]) {
    expect((await send('post', '/v1/tokens', credential, { name: 'x' })).status).toBe(403);
    expect((await hive.get('/v1/tokens', credential)).status).toBe(403);
  }
  const foreign = { name: 'x', organization_id: hive.foreign.id };
  expect((await send('post', '/v1/tokens', hive.own.admin, foreign)).status).toBe(403);
  const listed = (await hive.get('/v1/tokens', hive.foreign.admin)).body as { id: string }[];
  const id = listed[0]?.id;
  expect((await send('delete', `/v1/tokens/${id}`, hive.own.admin)).status).toBe(404);
  expect((await hive.get('/v1/tokens', hive.own.admin)).text).not.toContain(hive.foreign.id);
});

test('only admins of the organisation `default` see and make organisations; each sees its own', async () => {
  expect((await hive.get('/v1/organization', hive.own.viewer)).body).toMatchObject({ id: hive.own.id, name: 'own' });
  for (const credential of [hive.own.admin, hive.own.viewer]) {
    expect((await hive.get('/v1/organizations', credential)).status).toBe(403);
    expect((await send('post', '/v1/organizations', credential, { name: 'mine' })).status).toBe(403);
  }
  const made = await send('post', '/v1/organizations', operator, { name: 'new' });
  const { organization, secret } = made.body as { organization: { id: string }; secret: string };
  expect((await hive.get('/v1/organization', secret)).body).toEqual(organization);
  expect((await send('post', '/v1/tokens', secret, { name: 'second' })).status).toBe(201);
  expect((await hive.get('/v1/organizations', operator)).text).toContain(organization.id);
  expect((await hive.get('/v1/organizations', secret)).status).toBe(403);
  expect((await send('post', '/v1/organizations', operator, { name: 'new' })).status).toBe(409);
  expect((await send('post', '/v1/organizations', operator, { name: 'two words' })).status).toBe(400);
});

async function seeded(): Promise<{ attemptId: string; executionId: string }> {
  const organizationId = hive.own.id;
  const nodeId = await seedNode(hive.database, organizationId);
  const attemptId = await seedAttempt(hive.database, { organizationId, nodeId, state: 'complete' });
  const executionId = await seedExecution(hive.database, { attemptId, nodeId, ordinal: 1, declaredLines: 3 });
  await appendPage(hive.database, executionId, makeLines('secret', 3));
  return { attemptId, executionId };
}

test('an attempt has one address, where its list is, and keeps its former names', async () => {
  const { attemptId } = await seeded();
  const found = await hive.get(`/v1/swarm/attempts/${attemptId}`);
  expect(found.status).toBe(200);
  for (const former of [`/v1/nodes/task-attempts/${attemptId}`, `/v1/sync/swarm/attempts/${attemptId}`])
    expect((await hive.get(former)).body).toEqual(found.body);
});

test('only an admin of the organisation deletes an attempt; then nobody finds it, the feed says so, and its pages go', async () => {
  const { attemptId, executionId } = await seeded();
  const path = `/v1/swarm/attempts/${attemptId}`;
  const { secret: node } = await createNodeApiKey(hive.database, { organizationId: hive.own.id, name: 'node' });
  for (const credential of [hive.own.viewer, node]) expect((await send('delete', path, credential)).status).toBe(403);
  expect((await send('delete', path, hive.foreign.admin)).status).toBe(404);
  await numberChanges(hive.database);

  expect((await send('delete', path, hive.own.admin)).status).toBe(204);
  for (const read of [path, `${path}/logs`, `${path}/logs/download`, `/v1/nodes/task-attempts/${attemptId}`])
    expect([read, (await hive.get(read)).status]).toEqual([read, 404]);
  expect((await hive.get('/v1/swarm/attempts')).text).not.toContain(attemptId);
  await numberChanges(hive.database);
  expect(await hive.database.attemptChange.findUnique({ where: { attemptId } })).toMatchObject({ deleted: true });
  await until(async () => (await hive.database.logPage.count({ where: { executionId } })) === 0);
  expect((await send('delete', path, hive.own.admin)).status).toBe(204);
  expect((await send('delete', path, hive.foreign.admin)).status).toBe(404);
  expect((await send('delete', `/v1/swarm/attempts/${randomUUID()}`, hive.own.admin)).status).toBe(404);
  expect(hive.logged.join('')).toContain('attempt_deleted');
});
