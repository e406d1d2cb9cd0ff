import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import request from 'supertest';
import type { SyncState } from '../../protocol/frames.js';
import { hashSecret } from '../../prisma/secrets.js';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../../tests/harness/seed.js';
import { apiKey, apiKeyList, createdApiKey, mirrored, node, nodeList } from '../schemas/node.js';

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

test('a list says what each node still owes, and what will not come', async () => {
  const nodeId = await seedNode(hive.database, hive.own.id, { name: 'owing' });
  const idle = await seedNode(hive.database, hive.own.id, { name: 'owing nothing' });
  const add = async (
    state: SyncState,
    { declaredLines, stored, status }: { declaredLines: number; stored: number; status?: 'running' },
    of = nodeId,
  ) => {
    const attemptId = await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId: of, state });
    const ended = status ?? 'completed';
    const id = await seedExecution(hive.database, { attemptId, nodeId: of, ordinal: 1, status: ended, declaredLines });
    if (stored > 0) await appendPage(hive.database, id, makeLines('x', stored));
    return id;
  };
  await add('partial', { declaredLines: 10, stored: 4 });
  const otherEpoch = await add('partial', { declaredLines: 5, stored: 5 });
  await hive.database.execution.update({ where: { id: otherEpoch }, data: { logEpoch: 7 } });
  const gone = await add('partial', { declaredLines: 1000, stored: 0 });
  await hive.database.execution.update({ where: { id: gone }, data: { goneFromNode: true } });
  await add('partial', { declaredLines: 3, stored: 3, status: 'running' });
  await add('pending_backfill', { declaredLines: 7, stored: 0 });
  await add('unavailable', { declaredLines: 100, stored: 1 });
  await add('complete', { declaredLines: 2, stored: 2 });
  await add('complete', { declaredLines: 2, stored: 2 }, idle);
  await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId }); // has no executions yet

  const listed = nodeList.parse((await hive.get('/v1/nodes')).body);
  const owed = (id: string) => listed.find((one) => one.id === id)?.incomplete;
  const none = { partial: 0, pending_backfill: 0, unavailable: 0, running: 0, lines_missing: 0 };
  expect(owed(nodeId)).toEqual({ partial: 5, pending_backfill: 1, unavailable: 1, running: 1, lines_missing: 18 });
  expect(owed(idle)).toEqual(none);
  expect(node.parse((await hive.get(`/v1/nodes/${nodeId}`)).body).incomplete).toEqual(owed(nodeId));
});

test('a list says since when a node has been connected, or away', async () => {
  const nodeId = await seedNode(hive.database, hive.own.id, { name: 'since' });
  const since = async () => node.parse((await hive.get(`/v1/nodes/${nodeId}`)).body).status_since;
  const [connected, lost, left] = ['01', '02', '03'].map((hour) => new Date(`2026-01-01T${hour}:00:00Z`));
  await hive.database.node.update({ where: { id: nodeId }, data: { connectedAt: connected ?? null } });
  expect(await since()).toBe(connected?.toISOString());
  // its hive died: nobody wrote down when it went
  await hive.database.nodeLease.update({ where: { nodeId }, data: { expiresAt: lost ?? new Date() } });
  expect(await since()).toBe(lost?.toISOString());
  await hive.database.nodeLease.delete({ where: { nodeId } });
  await hive.database.node.update({ where: { id: nodeId }, data: { disconnectedAt: left ?? null } });
  expect(await since()).toBe(left?.toISOString());
});

test('what deleting a node would remove is counted, also what the node itself no longer has', async () => {
  const nodeId = await seedNode(hive.database, hive.own.id, { name: 'counted' });
  const count = async () => (await hive.get(`/v1/nodes/${nodeId}/mirrored`)).body as unknown;
  expect(mirrored.parse(await count())).toEqual({ attempts: 0, executions: 0, lines: 0 });
  for (const ordinals of [[1, 2], []]) {
    const attemptId = await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId });
    for (const ordinal of ordinals) {
      const id = await seedExecution(hive.database, { attemptId, nodeId, ordinal, declaredLines: 9 });
      await appendPage(hive.database, id, makeLines('x', 3));
      if (ordinal === 2) await hive.database.execution.update({ where: { id }, data: { goneFromNode: true } });
    }
  }
  expect(mirrored.parse(await count())).toEqual({ attempts: 2, executions: 2, lines: 6 });
  const foreign = await hive.get(`/v1/nodes/${nodeId}/mirrored`, hive.foreign.admin);
  expect(foreign.body).toMatchObject({ status: 404, error: 'node not found' });
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
