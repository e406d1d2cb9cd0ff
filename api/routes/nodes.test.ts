import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import request from 'supertest';
import { hashSecret } from '../../prisma/secrets.js';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../../tests/harness/seed.js';
import { apiKey, apiKeyList, createdApiKey, node, nodeList } from '../schemas/node.js';

let hive: TestHive;

beforeAll(async () => {
  hive = await startTestHive();
});
afterAll(() => hive.close());

const admin = (test: request.Test) => test.set('authorization', `Bearer ${hive.own.admin}`);

async function createKey(name: string) {
  const response = await admin(request(hive.app).post('/v1/nodes/api-keys').send({ name }));
  return createdApiKey.parse(response.body);
}

test('nodes are listed by name, and are offline if no hive has their socket', async () => {
  const online = await seedNode(hive.database, hive.own.id, { name: 'b' });
  const offline = await seedNode(hive.database, hive.own.id, { name: 'a', online: false });
  await hive.database.node.update({ where: { id: online }, data: { status: 'busy' } });
  for (const path of ['/v1/nodes', '/v1/sync/nodes']) {
    const nodes = nodeList.parse((await hive.get(path)).body);
    expect(nodes.map(({ id, status }) => [id, status])).toEqual([
      [offline, 'offline'],
      [online, 'busy'],
    ]);
  }
  await hive.database.nodeLease.update({ where: { nodeId: online }, data: { expiresAt: new Date(Date.now() - 1) } });
  expect(node.parse((await hive.get(`/v1/nodes/${online}`)).body).status).toBe('offline');
  expect((await hive.get(`/v1/nodes/${randomUUID()}`)).body).toMatchObject({ status: 404, error: 'node not found' });
});

test('an API key is shown once, stored as a hash, lets a node read, and is refused once revoked', async () => {
  const response = await admin(request(hive.app).post('/v1/nodes/api-keys').send({ name: ' my key ' }));
  expect(response.status).toBe(201);
  const { api_key: created, secret } = createdApiKey.parse(response.body);
  expect(secret).toMatch(/^[0-9a-f]{64}$/);
  expect(created).toMatchObject({ name: 'my key', key_prefix: secret.slice(0, 8), revoked_at: null, node_id: null });
  const row = await hive.database.nodeApiKey.findUniqueOrThrow({ where: { id: created.id } });
  expect(row.keyHash).toBe(hashSecret(secret));
  expect(hive.logged.join('')).not.toContain(secret);

  expect((await hive.get('/v1/sync/nodes', secret)).status).toBe(200);
  const asAdmin = request(hive.app).delete(`/v1/nodes/api-keys/${created.id}`);
  expect((await asAdmin.set('authorization', `Bearer ${secret}`)).body).toMatchObject({ status: 403 });
  const [listed] = apiKeyList.parse((await hive.get('/v1/nodes/api-keys')).body);
  expect(listed?.id).toBe(created.id);
  expect(listed?.last_used_at).not.toBeNull();

  expect((await admin(request(hive.app).delete(`/v1/nodes/api-keys/${created.id}`))).status).toBe(204);
  const refused = await hive.get('/v1/sync/nodes', secret);
  expect(refused.body).toMatchObject({ status: 401, error: 'the credential has been revoked' });
  expect(refused.headers['www-authenticate']).toContain('Bearer');
  const again = await admin(request(hive.app).delete(`/v1/nodes/api-keys/${created.id}`));
  expect(again.body).toMatchObject({ status: 404, error: 'API key not found' });
});

test('a blocked key is refused until it is unblocked', async () => {
  const { api_key: created, secret } = await createKey('blocked');
  const unblock = () => admin(request(hive.app).post(`/v1/nodes/api-keys/${created.id}/unblock`));
  expect((await unblock()).status).toBe(404);
  const blocked = { blockedAt: new Date(), blockedReason: 'takeover', takeoverCount: 4 };
  await hive.database.nodeApiKey.update({ where: { id: created.id }, data: blocked });
  expect((await hive.get('/v1/nodes', secret)).status).toBe(401);
  expect(apiKey.parse((await unblock()).body)).toMatchObject({ blocked_at: null, takeover_count: 0 });
  expect((await hive.get('/v1/nodes', secret)).status).toBe(200);
});

test('deleting a node deletes everything mirrored from it and revokes its keys', async () => {
  const nodeId = await seedNode(hive.database, hive.own.id);
  const { api_key: key } = await createKey('of the node');
  await hive.database.nodeApiKey.update({ where: { id: key.id }, data: { nodeId } });
  const attemptId = await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId });
  const executionId = await seedExecution(hive.database, { attemptId, nodeId, ordinal: 1 });
  for (let index = 0; index < 3; index++) await appendPage(hive.database, executionId, makeLines('x', 2));
  const remove = () => request(hive.app).delete(`/v1/nodes/${nodeId}`);
  expect((await remove().set('authorization', `Bearer ${hive.own.viewer}`)).status).toBe(403);
  expect((await admin(remove())).status).toBe(204);
  expect((await admin(remove())).status).toBe(404);
  expect(await hive.database.logPage.count({ where: { executionId } })).toBe(0);
  expect(await hive.database.attempt.count({ where: { nodeId } })).toBe(0);
  const revoked = await hive.database.nodeApiKey.findUniqueOrThrow({ where: { id: key.id } });
  expect(revoked.revokedAt).not.toBeNull();
});
