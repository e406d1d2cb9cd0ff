/**
 * Puts hostile values into every parameter and body field of every route, and into the headers that are read: each is
 * answered at once, never with an error of the hive's own, and a refusal names the field.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { NativeConnection } from '@temporalio/worker';
import pLimit from 'p-limit';
import { createBackfills, type Backfills } from '../backfills/for-readers.js';
import { InstallationClient } from '../backfills/installation.js';
import { TemporalDoor } from '../backfills/temporal-door.js';
import { createNodeApiKey } from '../prisma/queries/node-api-key.js';
import { NO_BACKFILLS, startTestHive, type TestHive } from '../tests/harness/http-api.js';
import { listen } from '../tests/harness/listen.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../tests/harness/seed.js';
import { testServices } from '../tests/harness/services.js';
import { textWithin } from '../tests/harness/text-within.js';
import { until } from '../tests/harness/until.js';
import { createHttpServer } from './app.js';
import { allRoutes } from './routes/index.js';
import type { Route } from './route.js';
import { problem } from './schemas/common.js';

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const id = randomUUID();
/** The times and places of forged cursors. */
const PLACES = [
  '',
  '0',
  '-1',
  0,
  -1,
  1.5,
  1e300,
  null,
  true,
  {},
  [],
  '99999999999999999999',
  'x',
  '\0',
  'NaN',
  'Infinity',
];
const DATES = ['0000-01-01T00:00:00Z', '9999-12-31T23:59:59.999999Z', '2026-02-31T00:00:00Z', '+99999-01-01T00:00:00Z'];
const CURSORS = [
  ...PLACES.flatMap((place) => [base64url(place), base64url([place, id]), base64url(['arrived', place])]),
  ...PLACES.map((place) => base64url(['created', '2026-01-01T00:00:00Z', place])),
  ...DATES.flatMap((date) => [base64url([date, id]), base64url(['created', date, id])]),
  base64url(['arrived', '1', '2', '3']),
  '['.repeat(200),
  'AAAA',
  'bnVsbA',
  'f0',
  'fzzzzz',
  'fzzzzz.zzzzz-zzzzzz',
  'f1.0-0',
  'f0.1-zik0zj',
  'f0.1-zik0zk',
  '68719476735',
  '68719476736',
  '9007199254740991',
  '9007199254740993',
];
const VALUES = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\uFFFF',
  '𝒳'.repeat(400),
  "'; DROP TABLE attempt; --",
  '%',
  '%00',
  '../../etc/passwd',
  '00000000-0000-0000-0000-00000000000g',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  `{${id}}`,
  ...['-1', '0', '1', '1.5', '1e9', '0x10', '2147483648', '9223372036854775808', '1'.repeat(400)],
  ...['NaN', 'Infinity', 'null', 'undefined', 'true', '[]', '{}', '__proto__'],
  ...DATES,
];
/** What only JSON can say. */
const BODY_VALUES = [...VALUES, null, true, 0, -1, 1e300, [], {}, [[]], '\uD800', 'x'.repeat(60_000), { a: '\0' }];

interface Answer {
  what: string;
  status: number;
  ms: number;
  body: string;
}

let hive: TestHive;
/** Only its list is used. */
let real: Backfills;
let connection: NativeConnection;
let server: ReturnType<typeof createHttpServer>;
let base: string;
let routes: Route[];
let ids: Record<'node' | 'attempt' | 'apiKey' | 'sharedTask', string>;

beforeAll(async () => {
  connection = await NativeConnection.connect({ address: testServices().temporalAddress });
  const client = new InstallationClient({ connection }, { id: randomUUID(), name: 'hostile' });
  const door = new TemporalDoor({ management: 60_000 });
  door.open(client);
  // listing is Temporal's own; nothing here may start a workflow
  const backfills: Backfills = { ...NO_BACKFILLS, list: (...args) => real.list(...args) };
  const limits = { requestsPerMinute: 1_000_000, failedLoginsPerMinute: 1_000_000 };
  hive = await startTestHive({ backfills, limits });
  const { database, logger } = hive;
  real = createBackfills({
    temporal: door,
    installation: client.installation,
    database,
    logger,
    nodeTimeoutSeconds: 5,
  });
  routes = allRoutes({ database, backfills, logger, health: () => ({ temporal: true, workers: true }) });
  server = createHttpServer(hive.app);
  base = await listen(server);
  const organizationId = hive.own.id;
  const node = await seedNode(database, organizationId);
  const sharedTask = randomUUID();
  const metadata = { shared_task_id: sharedTask };
  const attempt = await seedAttempt(database, { organizationId, nodeId: node, state: 'complete', metadata });
  const execution = await seedExecution(database, { attemptId: attempt, nodeId: node, ordinal: 1, declaredLines: 3 });
  await appendPage(database, execution, makeLines('x', 3));
  const { apiKey } = await createNodeApiKey(database, { organizationId, name: 'key' });
  ids = { node, attempt, apiKey: apiKey.id, sharedTask };
  await until(async () => (await call('/v1/backfills')).status === 200, 60_000, 'Temporal lists backfills');
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await connection.close();
  await hive.close();
});

async function call(path: string, init: RequestInit = {}, what = path): Promise<Answer> {
  const start = performance.now();
  const headers = { authorization: `Bearer ${hive.own.admin}`, ...(init.headers as Record<string, string>) };
  const response = await fetch(base + path, { ...init, headers, signal: AbortSignal.timeout(60_000) });
  const body = await textWithin(response, 20);
  return { what, status: response.status, ms: performance.now() - start, body };
}

/** A busy machine is slow now and then; a value that is hostile to the hive makes it slow each time. */
async function atBest(limitMs: number, send: () => Promise<Answer>): Promise<Answer> {
  let answer = await send();
  for (let again = 0; again < 4 && answer.ms > limitMs; again++) {
    const { ms } = await send();
    answer = { ...answer, ms: Math.min(answer.ms, ms) };
  }
  return answer;
}

function knownId({ path }: Route): string {
  if (path.includes('/api-keys/')) return ids.apiKey;
  if (path.includes('by-shared-task') || path.includes('/tasks/')) return ids.sharedTask;
  return path.startsWith('/v1/nodes/{id}') ? ids.node : ids.attempt;
}

const fieldsOf = (schema: unknown): string[] => Object.keys((schema as { shape?: object } | undefined)?.shape ?? {});
/** The rest of a body that needs more than the field in question. */
const BODIES: Record<string, object> = {
  createApiKey: { name: 'hostile' },
  createToken: { name: 'hostile' },
  createOrganization: { name: 'hostile' },
  createSwarmProject: { name: 'hostile' },
  createWebhook: { url: 'https://receiver.example/' },
  enrollNode: { token: 'hostile', machine_id: id, name: 'hostile' },
  linkNodeProject: { node_id: id, local_project_id: id },
};
/** The rest of a query. */
const QUERIES: Record<string, Record<string, string>> = { searchLog: { q: 'hostile' }, searchAll: { q: 'hostile' } };
const describe = (value: unknown) => JSON.stringify(value).slice(0, 60);

function* requests(): Generator<{ route: Route; field: string; send: () => Promise<Answer> }> {
  for (const route of routes) {
    const method = route.method.toUpperCase();
    const path = route.path.replaceAll(/\{\w+\}/g, knownId(route));
    const what = (field: string, value: unknown) => `${method} ${route.path} ${field}=${describe(value)}`;
    const body = route.body
      ? {
          body: JSON.stringify(BODIES[route.operationId] ?? {}),
          headers: { 'content-type': 'application/json' },
        }
      : {};
    for (const field of route.path.includes('{') ? fieldsOf(route.params) : []) {
      for (const value of VALUES.filter((text) => text !== '' && text !== '.')) {
        const hostile = route.path.replace(`{${field}}`, () => encodeURIComponent(value));
        const changed = hostile.replaceAll(/\{\w+\}/g, knownId(route));
        const query = new URLSearchParams(QUERIES[route.operationId]).toString();
        yield { route, field, send: () => call(`${changed}?${query}`, { method, ...body }, what(field, value)) };
      }
    }
    for (const field of fieldsOf(route.query)) {
      for (const value of field === 'cursor' ? [...VALUES, ...CURSORS] : VALUES) {
        const query = new URLSearchParams({ ...QUERIES[route.operationId], [field]: value }).toString();
        yield { route, field, send: () => call(`${path}?${query}`, { method }, what(field, value)) };
      }
    }
    for (const field of fieldsOf(route.body)) {
      for (const value of BODY_VALUES) {
        const sent = {
          method,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ ...BODIES[route.operationId], [field]: value }),
        };
        yield { route, field, send: () => call(path, sent, what(field, value)) };
      }
    }
  }
}

test('no hostile value in a path, query or body is a fault of the hive, or slow', async () => {
  const limit = pLimit(4);
  const faults: object[] = [];
  let refused = 0;
  const all = [...requests()];
  await Promise.all(
    all.map(({ field, send }) =>
      limit(async () => {
        const { what, status, ms, body } = await atBest(5000, send);
        if (status >= 500 || ms > 5000) faults.push({ what, status, ms, body: body.slice(0, 200) });
        if (status !== 400) return;
        refused++;
        const { errors = [] } = problem.parse(JSON.parse(body));
        const isNamed = errors.some((error) => error.field.split('.')[0] === field); // or a place within it
        if (!isNamed) faults.push({ what, status, errors });
      }),
    ),
  );
  expect(faults.slice(0, 20)).toEqual([]);
  expect(refused).toBeGreaterThan(all.length / 2);
}, 400_000);

test('no hostile header is a fault of the hive', async () => {
  const stream = `/v1/swarm/attempts/${ids.attempt}/logs/stream`;
  const faults: object[] = [];
  const latin = [...VALUES, ...CURSORS].filter((value) => /^[\x20-\x7e]*$/.test(value));
  const others = ['if-none-match', 'x-request-id', 'authorization', 'origin', 'content-type'];
  for (const value of latin) {
    const answered = await atBest(1000, () =>
      call(stream, { headers: { 'last-event-id': value } }, `last-event-id: ${describe(value)}`),
    );
    if (answered.status >= 500 || answered.ms > 1000) faults.push(answered);
    if (answered.status !== 400) continue;
    const { errors = [] } = problem.parse(JSON.parse(answered.body));
    if (errors[0]?.in !== 'header' || errors[0].field !== 'last-event-id') faults.push({ value, errors });
  }
  for (const value of latin.slice(0, VALUES.length)) {
    const headers = Object.fromEntries(others.map((name) => [name, value]));
    const answered = await atBest(1000, () => call(stream, { headers }, `all headers: ${describe(value)}`));
    if (answered.status >= 500 || answered.ms > 1000) faults.push(answered);
    const known = { ...headers, authorization: `Bearer ${hive.own.admin}` };
    const again = await call('/v1/nodes', { headers: known }, `headers: ${describe(value)}`);
    if (again.status !== 200) faults.push(again);
  }
  expect(faults.slice(0, 20)).toEqual([]);
});

test('a cursor of backfills that the hive did not give is refused at once', async () => {
  for (const cursor of ['AAAA', base64url({ CloseTime: 'x' }), 'Ingi']) {
    const answered = await atBest(1000, () => call(`/v1/backfills?cursor=${cursor}`));
    expect([answered.status, answered.ms < 1000]).toEqual([400, true]);
    expect(JSON.parse(answered.body)).toMatchObject({ errors: [{ in: 'query', field: 'cursor' }] });
  }
});
