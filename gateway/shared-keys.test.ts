/** One key in several stores: on the machine that it is bound to, and elsewhere. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { ScriptedNode } from '../tests/harness/scripted-node.js';
import { startTestGateway, type TestGateway } from '../tests/harness/test-gateway.js';

/** As often as it takes to be blocked, and once more. */
const TRIES = 5;

let hive: TestGateway;
const nodes: ScriptedNode[] = [];
beforeAll(async () => {
  hive = await startTestGateway();
});
afterEach(() => {
  for (const node of nodes.splice(0)) node.close();
});
afterAll(() => hive.stop());

async function login(secret: string, machine: string, hosts?: string[]) {
  const node = await ScriptedNode.open(hive.url);
  nodes.push(node);
  return { node, answer: await node.auth(secret, machine, undefined, hosts) };
}

const blockedAt = async (id: string) => (await hive.database.nodeApiKey.findUniqueOrThrow({ where: { id } })).blockedAt;

test('a second store of the same machine is refused as often as it comes, and the node that is connected stays', async () => {
  const { secret, id } = await hive.newKey();
  const living = await login(secret, randomUUID(), ['installation', 'boot-1']);
  const second = randomUUID();
  for (let tries = 0; tries < TRIES; tries++) {
    const { answer } = await login(secret, second, ['other installation', 'boot-1']); // a container of the machine
    expect(answer.error).toMatch(/^this API key belongs to another store of this machine.*"scripted".*stays connected/);
    expect(answer.error).toContain('nothing was blocked');
  }
  await sleep(700); // as long as a session that must end is looked for
  expect(living.node.closed).toBeUndefined();
  expect(await blockedAt(id)).toBeNull();
});

test('a second store is told when the node with the key is not connected', async () => {
  const { secret } = await hive.newKey();
  const machine = randomUUID();
  const first = await login(secret, machine, ['a']);
  first.node.close();
  await first.node.untilClosed();
  for (let tries = 0; tries < TRIES; tries++) await login(secret, randomUUID(), ['a']);
  const again = await login(secret, machine, ['a']);
  expect(again.answer.success).toBe(true);
});

test.each<[string, string[] | undefined, string[] | undefined]>([
  ['another machine', ['a'], ['b']],
  ['a node that does not say where it runs', ['a'], undefined],
  ['any node, where the one that it is bound to does not say where it runs', undefined, ['b']],
  ['any node, where neither says where it runs', [], []],
])('a key that is tried repeatedly by %s is blocked', async (_, own, other) => {
  const { secret, id } = await hive.newKey();
  await login(secret, randomUUID(), own);
  for (const count of [1, 2, 3]) {
    const { answer } = await login(secret, randomUUID(), other);
    expect(answer.error).toContain(`Attempt ${count} of 3`);
  }
  expect((await login(secret, randomUUID(), other)).answer.error).toMatch(/^API key blocked: /);
  expect(await blockedAt(id)).not.toBeNull();
});

test('tries of a second store do not count towards those of another machine', async () => {
  const { secret } = await hive.newKey();
  await login(secret, randomUUID(), ['a']);
  for (let tries = 0; tries < TRIES; tries++) await login(secret, randomUUID(), ['a']);
  expect((await login(secret, randomUUID(), ['b'])).answer.error).toContain('Attempt 1 of 3');
});
