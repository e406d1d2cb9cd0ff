/** Logins that take effect late: timed by locks, and by statements that the test holds back. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Database, Prisma } from '../prisma/database.js';
import { listen } from '../tests/harness/listen.js';
import { attemptFrame, ScriptedNode } from '../tests/harness/scripted-node.js';
import { ScriptedV1Node } from '../tests/harness/scripted-v1-node.js';
import { startTestGateway, type TestGateway } from '../tests/harness/test-gateway.js';
import { until } from '../tests/harness/until.js';
import { Gateway } from './gateway.js';

let hive: TestGateway;
let database: Database;
const endings: (() => unknown)[] = [];
beforeAll(async () => {
  hive = await startTestGateway();
  ({ database } = hive);
});
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});
afterAll(() => hive.stop());

/** Another gateway on the same database. */
async function startGateway(asked: Database = database) {
  const gateway = new Gateway({ ...hive.deps, database: asked, queue: `gateway-${randomUUID()}` });
  const server = createServer();
  gateway.attach(server);
  const url = await listen(server);
  endings.push(async () => {
    await gateway.stop();
    server.close();
  });
  return { gateway, url };
}

/** A statement that the test holds back, before it is sent or after it was answered. */
class HeldStatement {
  readonly #text: string;
  readonly #when: 'before' | 'after';
  #release: () => void = () => undefined;
  /** How many have come, including those that were not held. */
  count = 0;
  /** Whether the database has answered the first one. */
  isAnswered = false;

  constructor(when: 'before' | 'after', text: string) {
    this.#when = when;
    this.#text = text;
  }

  release(): void {
    this.#release();
  }

  /** The database, but the first statement with the text is held. */
  in(asked: Database): Database {
    const run = async (
      method: '$queryRaw' | '$executeRaw',
      statement: TemplateStringsArray | Prisma.Sql,
      ...values: unknown[]
    ) => {
      const text = 'raw' in statement ? statement.join('?') : statement.sql;
      const isHeld = text.includes(this.#text) && this.count++ === 0;
      const released = new Promise<void>((resolve) => (this.#release = isHeld ? resolve : this.#release));
      if (isHeld && this.#when === 'before') await released;
      const answer = await asked[method](statement, ...values);
      if (isHeld) this.isAnswered = true;
      if (isHeld && this.#when === 'after') await released;
      return answer;
    };
    return new Proxy(asked, {
      get(target, key) {
        if (key === '$queryRaw' || key === '$executeRaw') return run.bind(undefined, key);
        const value = Reflect.get(target, key) as unknown;
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }
}

interface AnyNode {
  connect(url: string): Promise<void>;
  /** Resolves when `auth` is sent. */
  beginLogin(url: string): Promise<void>;
  /** Gives up. */
  vanish(): void;
  isClosed(): boolean;
}

const VERSIONS = {
  'version 1': async (secret: string, machineId: string): Promise<AnyNode> => {
    const node = new ScriptedV1Node(secret, machineId);
    endings.push(() => node.drop());
    const connect = async (url: string) => {
      await node.connect(url);
    };
    const beginLogin = (url: string) =>
      new Promise<void>((resolve) => {
        node.observe = (_, { type }) => {
          if (type === 'auth') setImmediate(resolve);
        };
        connect(url).catch(() => undefined);
      });
    return Promise.resolve({ connect, beginLogin, vanish: () => node.drop(), isClosed: () => node.isClosed });
  },
  'version 2': async (secret: string, machineId: string): Promise<AnyNode> => {
    let node: ScriptedNode | undefined;
    endings.push(() => node?.close());
    const beginLogin = async (url: string) => {
      node = await ScriptedNode.open(url);
      node.auth(secret, machineId).catch(() => undefined);
    };
    const connect = async (url: string) => void (node = await ScriptedNode.connect(url, secret, machineId));
    const isClosed = () => node?.closed !== undefined;
    return Promise.resolve({ connect, beginLogin, vanish: () => node?.close(), isClosed });
  },
};

/** The lease of the node that uses the key. */
async function leaseOf(keyId: string) {
  const { nodeId } = await database.nodeApiKey.findUniqueOrThrow({ where: { id: keyId } });
  return database.nodeLease.findUniqueOrThrow({
    where: { nodeId: nodeId ?? '' },
    select: { nodeId: true, sessionId: true, queue: true },
  });
}

describe.each(Object.entries(VERSIONS))('%s', (_, nodeOf) => {
  test('a login that its node has given up leaves the living session alone', async () => {
    const { secret, id } = await hive.newKey();
    const machine = randomUUID();
    const living = await nodeOf(secret, machine);
    await living.connect(hive.url);
    const before = await leaseOf(id);
    const held = new HeldStatement('before', "nextval('lease_fence')");
    const slow = await startGateway(held.in(database));
    const given = await nodeOf(secret, machine);
    await given.beginLogin(slow.url);
    await until(() => held.count === 1, 60_000, 'the hive looks at its key');
    given.vanish();
    await sleep(1000); // until a busy hive has noticed
    held.release();
    await sleep(700); // as long as a session that lost its lease is looked for
    expect(living.isClosed()).toBe(false);
    expect(await leaseOf(id)).toEqual(before);
  });

  test('a login that takes effect after a later one loses to it', async () => {
    const { secret, id } = await hive.newKey();
    const machine = randomUUID();
    const held = new HeldStatement('before', 'INSERT INTO node_lease');
    const slow = await startGateway(held.in(database));
    const older = await nodeOf(secret, machine);
    await older.beginLogin(slow.url);
    await until(() => held.count === 1, 60_000, 'the older one is about to take the lease');
    const later = await nodeOf(secret, machine);
    await later.connect(hive.url);
    const before = await leaseOf(id);
    held.release();
    await until(() => older.isClosed(), 60_000, 'the older one is told');
    await sleep(700);
    expect(later.isClosed()).toBe(false);
    expect(await leaseOf(id)).toEqual(before);
  });

  test('of two logins at once on one hive, the later one stays, in whatever order their answers come', async () => {
    const { secret, id } = await hive.newKey();
    const machine = randomUUID();
    const held = new HeldStatement('after', 'INSERT INTO node_lease');
    const both = await startGateway(held.in(database));
    const older = await nodeOf(secret, machine);
    await older.beginLogin(both.url);
    await until(() => held.count === 1, 60_000, 'the older one has the lease');
    const later = await nodeOf(secret, machine);
    await later.connect(both.url);
    held.release();
    await until(() => older.isClosed(), 60_000, 'the older one is told');
    await sleep(700);
    expect(later.isClosed()).toBe(false);
    const { nodeId, sessionId } = await leaseOf(id);
    expect(both.gateway.connectionTo(nodeId)?.session).toMatchObject({ sessionId });
  });
});

test('what a node sends right after its auth frame, without waiting for the answer, is handled', async () => {
  const node = await ScriptedNode.open(hive.url);
  const attempt = attemptFrame({ execution_count: 0 });
  const answer = node.auth((await hive.newKey()).secret, randomUUID());
  node.send('attempt_sync', attempt);
  expect((await answer).success).toBe(true);
  expect(await node.next('sync_ack')).toMatchObject({ attempt_id: attempt.attempt_id, sync_state: 'complete' });
  node.close();
});

test('a node that sends much before it is admitted is read no further than that', async () => {
  const { secret, id } = await hive.newKey();
  const node = await ScriptedNode.open(hive.url);
  const attempts = Array.from({ length: 60 }, () => attemptFrame({ execution_count: 0, branch: 'x'.repeat(16_000) }));
  await database.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT FROM node_api_key WHERE id = ${id}::uuid FOR UPDATE`;
    void node.auth(secret, randomUUID());
    for (const attempt of attempts) node.send('attempt_sync', attempt);
    await sleep(300);
  });
  for (const { attempt_id } of attempts) expect(await node.next('sync_ack')).toMatchObject({ attempt_id });
  node.close();
});

test('a hive that stops leaves no lease valid, although a renewal is under way', async () => {
  const held = new HeldStatement('before', 'UPDATE node_lease SET expires_at = now() + make_interval');
  const givenUp = new HeldStatement('after', 'UPDATE node_lease SET expires_at = now() WHERE');
  const { gateway, url } = await startGateway(givenUp.in(held.in(database)));
  endings.push(() => givenUp.release());
  const machine = randomUUID();
  const node = await ScriptedNode.connect(url, (await hive.newKey()).secret, machine);
  node.send('heartbeat', {
    status: 'online',
    active_tasks: 0,
    available_capacity: 1,
    timestamp: '2026-02-01T10:00:00Z',
  });
  await until(() => held.count === 1, 60_000, 'a renewal is under way');
  const [{ nodeId } = { nodeId: '' }] = await database.$queryRaw<{ nodeId: string }[]>`
    SELECT id AS "nodeId" FROM node WHERE machine_id = ${machine}`;
  const stopped = gateway.stop();
  await sleep(100); // so that a renewal that is not waited for comes last
  held.release();
  await until(() => held.isAnswered && givenUp.isAnswered, 60_000, 'both are written');
  const valid = await database.$queryRaw<unknown[]>`
    SELECT FROM node_lease WHERE node_id = ${nodeId}::uuid AND expires_at > now()`;
  expect(valid).toEqual([]);
  givenUp.release();
  await stopped;
});
