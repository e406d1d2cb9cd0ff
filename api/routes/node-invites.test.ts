import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import request from 'supertest';
import { hashSecret } from '../../prisma/secrets.js';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { createdNodeInvite, enrolledNode, nodeInviteList } from '../schemas/node-invite.js';

let hive: TestHive;
beforeAll(async () => {
  hive = await startTestHive();
});
afterAll(() => hive.close());

const as = (token: string, test: request.Test) => test.set('authorization', `Bearer ${token}`);

async function invite(body: object = {}, token = hive.own.admin) {
  const response = await as(token, request(hive.app).post('/v1/nodes/invites').send(body));
  expect(response.status).toBe(201);
  return createdNodeInvite.parse(response.body);
}

function enroll(token: string, fields: object = {}) {
  const body = { token, machine_id: randomUUID(), name: 'build-7', ...fields };
  return request(hive.app).post('/v1/nodes/enroll').send(body);
}

const listed = async (token = hive.own.admin) =>
  nodeInviteList.parse((await hive.get('/v1/nodes/invites', token)).body);
const keysNamed = (name: string) => hive.database.nodeApiKey.findMany({ where: { name } });

test('a machine trades an invitation for a key that is its own, and reads its organisation', async () => {
  const { id, token, expires_at } = await invite();
  expect(token).toMatch(/^join_[\w-]{43}$/);
  expect(Date.parse(expires_at) - Date.now()).toBeGreaterThan(50 * 60_000);
  expect(await listed()).toMatchObject([{ id, status: 'open', token_prefix: token.slice(0, 13) }]);
  const machine = randomUUID();
  const response = await enroll(token, { machine_id: machine, name: ' trades ' });
  expect(response.status).toBe(201);
  const { node_key: key, organization_id } = enrolledNode.parse(response.body);
  expect(organization_id).toBe(hive.own.id);
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  const [row] = await keysNamed('trades');
  expect(row).toMatchObject({ keyHash: hashSecret(key), machineId: machine, organizationId: hive.own.id });
  expect((await hive.get('/v1/nodes', key)).status).toBe(200);
  expect(await listed()).toMatchObject([{ id, status: 'used', api_key_id: row?.id }]);
});

test('no secret is stored or logged, and the log says who was taken in', async () => {
  const { id, token } = await invite();
  const { node_key: key } = enrolledNode.parse((await enroll(token, { name: 'seen in the log' })).body);
  const stored = JSON.stringify(
    await hive.database.$queryRaw`SELECT i::text, k::text FROM node_invite i, node_api_key k`,
  );
  const log = hive.logged.join('');
  for (const secret of [token, key]) for (const text of [stored, log]) expect(text).not.toContain(secret);
  const events = hive.logged.map((line) => JSON.parse(line) as Record<string, unknown>);
  const [row] = await keysNamed('seen in the log');
  const expected = { event: 'node_enrolled', inviteId: id, apiKeyId: row?.id, organizationId: hive.own.id };
  expect(events).toContainEqual(expect.objectContaining(expected));
});

test('of many machines with one token exactly one gets a key', async () => {
  const { token } = await invite();
  const answers = await Promise.all(Array.from({ length: 8 }, () => enroll(token, { name: 'racing' })));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(7).fill(401)]);
  expect(await keysNamed('racing')).toHaveLength(1);
  expect((await enroll(token)).body).toMatchObject({
    status: 401,
    error: 'the invitation has been used; each takes in one machine',
  });
});

test('an invitation that expired, was withdrawn or never was takes nobody in', async () => {
  const expired = await invite({ expires_in_minutes: 1 });
  await hive.database.$executeRaw`
    UPDATE node_invite SET expires_at = now() - interval '1 second' WHERE id = ${expired.id}::uuid`;
  expect((await enroll(expired.token)).body).toMatchObject({ status: 401, error: 'the invitation has expired' });
  expect((await listed()).find(({ id }) => id === expired.id)?.status).toBe('expired');
  const withdrawn = await invite();
  const remove = () => as(hive.own.admin, request(hive.app).delete(`/v1/nodes/invites/${withdrawn.id}`));
  expect((await remove()).status).toBe(204);
  expect((await remove()).body).toMatchObject({ status: 404, error: 'invitation not found' });
  for (const token of [withdrawn.token, `join_${'A'.repeat(43)}`, hive.own.admin, "' OR true --"]) {
    expect((await enroll(token)).body).toMatchObject({ status: 401, error: 'the invitation is not valid' });
  }
  expect(await keysNamed('build-7')).toEqual([]);
});

test("an invitation is of its organisation alone, and no one else's admin sees or withdraws it", async () => {
  const { id, token } = await invite({}, hive.foreign.admin);
  expect((await listed()).map((row) => row.id)).not.toContain(id);
  expect((await as(hive.own.admin, request(hive.app).delete(`/v1/nodes/invites/${id}`))).status).toBe(404);
  const foreign = await as(
    hive.own.admin,
    request(hive.app).post('/v1/nodes/invites').send({ organization_id: hive.foreign.id }),
  );
  expect(foreign.status).toBe(403);
  const { organization_id } = enrolledNode.parse((await enroll(token)).body);
  expect(organization_id).toBe(hive.foreign.id);
});

test('an invitation is no credential, and only admins invite', async () => {
  const { token } = await invite();
  expect((await hive.get('/v1/nodes', token)).status).toBe(401);
  for (const reader of [hive.own.viewer, token]) {
    const refused = await as(reader, request(hive.app).post('/v1/nodes/invites').send({}));
    expect([401, 403]).toContain(refused.status);
  }
  expect((await enroll(token)).status).toBe(201); // it was not spent by that
});

test.each([
  ['a machine id that is none', { machine_id: 'x' }],
  ['a name with U+0000', { name: 'a\0b' }],
  ['a name with half of a surrogate pair', { name: 'a\ud800' }],
  ['an empty name', { name: ' ' }],
  ['a name that is too long', { name: 'x'.repeat(257) }],
  ['a token that is no text', { token: { $ne: '' } }],
  ['a token that is too long', { token: 'x'.repeat(257) }],
  ['an unknown field', { role: 'admin' }],
])('%s is refused and does not spend the invitation', async (_, fields) => {
  const { token } = await invite();
  expect((await enroll(token, fields)).status).toBe(400);
  expect((await enroll(token, { name: '<b>\u001b[2J$(reboot)' })).status).toBe(201);
});

test('an address that tries too many tokens has to wait, with a good one too', async () => {
  const limited = await startTestHive({ limits: { failedLoginsPerMinute: 3 } });
  try {
    const tries = () =>
      request(limited.app).post('/v1/nodes/enroll').send({ token: 'x', machine_id: randomUUID(), name: 'n' });
    for (let index = 0; index < 3; index++) expect((await tries()).status).toBe(401);
    const refused = await tries();
    expect(refused.status).toBe(429);
    expect(refused.headers['retry-after']).toBeDefined();
  } finally {
    await limited.close();
  }
});

test('invitations that have long been over are removed when one is made', async () => {
  const { id } = await invite();
  await hive.database.$executeRaw`
    UPDATE node_invite SET expires_at = now() - interval '31 days' WHERE id = ${id}::uuid`;
  await invite({}, hive.foreign.admin);
  expect((await listed()).map((row) => row.id)).toContain(id);
  await invite();
  expect((await listed()).map((row) => row.id)).not.toContain(id);
});
