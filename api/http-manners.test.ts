/** Asks every route for its headers, and again for what the client has: HEAD, ETag, caches. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { NO_BACKFILLS, startTestHive, type TestHive } from '../tests/harness/http-api.js';
import { listen } from '../tests/harness/listen.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../tests/harness/seed.js';
import { createHttpServer } from './app.js';
import { isJsonResponse, type Route } from './route.js';
import { allRoutes } from './routes/index.js';

let hive: TestHive;
let server: ReturnType<typeof createHttpServer>;
let base: string;
let ids: { node: string; attempt: string; task: string };
let reads: Route[];

beforeAll(async () => {
  hive = await startTestHive();
  const { database, logger, own } = hive;
  const nodeId = await seedNode(database, own.id);
  const task = 'a5a5a5a5-0000-4000-8000-000000000001';
  const metadata = { title: 'manners', shared_task_id: task };
  const attempt = await seedAttempt(database, { organizationId: own.id, nodeId, state: 'complete', metadata });
  const execution = await seedExecution(database, { attemptId: attempt, nodeId, ordinal: 1, declaredLines: 3 });
  await appendPage(database, execution, makeLines('line', 3));
  ids = { node: nodeId, attempt, task };
  const deps = { database, logger, backfills: NO_BACKFILLS, health: () => ({ temporal: true, workers: true }) };
  // noted again each minute, which the list of tokens shows
  await database.$executeRaw`UPDATE api_token SET last_used_at = now() + interval '1 hour'`;
  reads = allRoutes(deps).filter(({ method }) => method === 'get');
  server = createHttpServer(hive.app);
  base = await listen(server);
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await hive.close();
});

/** Their answers are sent while they are made, so that nobody can know their tag before. */
const SENT_AS_FOUND = new Set(['searchLog', 'searchAll']);

/** What a route needs, and takes no default for. */
const QUERIES: Record<string, string> = { searchLog: '?q=line', searchAll: '?q=line' };

function pathOf({ path, operationId }: Route): string {
  const id = /by-shared-task|\/tasks\//.test(path)
    ? ids.task
    : path.startsWith('/v1/nodes/{id}')
      ? ids.node
      : ids.attempt;
  const query = operationId === 'listStoredAttempts' ? `?ids=${ids.attempt}` : (QUERIES[operationId] ?? '');
  return path.replaceAll(/\{\w+\}/g, id) + query;
}

async function ask(method: string, path: string, headers: Record<string, string> = {}) {
  const ending = new AbortController();
  const response = await fetch(base + path, {
    method,
    headers: { authorization: `Bearer ${hive.own.admin}`, 'accept-encoding': 'identity', ...headers },
    signal: AbortSignal.any([ending.signal, AbortSignal.timeout(60_000)]),
  });
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
  const text = method === 'GET' && isStream ? '' : await response.text();
  ending.abort();
  const all = [...response.headers].filter(([name]) => !OF_THE_MOMENT.test(name));
  return { status: response.status, headers: Object.fromEntries(all), text };
}

const OF_THE_MOMENT =
  /^(date|x-request-id|ratelimit.*|retry-after|connection|keep-alive|transfer-encoding|content-length)$/;

test('HEAD answers with the status and the headers of GET, and without a body', async () => {
  for (const route of reads) {
    const path = pathOf(route);
    const [get, head] = [await ask('GET', path), await ask('HEAD', path)];
    const changes = route.operationId === 'metrics';
    expect([route.operationId, head.status, head.text]).toEqual([route.operationId, get.status, '']);
    if (!changes) expect([route.operationId, head.headers]).toEqual([route.operationId, get.headers]);
  }
});

test('what JSON a client has is not sent again, and depends on its credential', async () => {
  for (const route of reads) {
    const spec = route.responses[200];
    if (!spec || !isJsonResponse(spec) || SENT_AS_FOUND.has(route.operationId)) continue;
    const path = pathOf(route);
    const { status, headers } = await ask('GET', path);
    if (status !== 200) continue;
    const { etag = '' } = headers;
    const named = [route.operationId, etag] as const;
    expect(named).toEqual([route.operationId, expect.stringMatching(/^W\/"[\w-]{22}"$/)]);
    expect([...named, headers['cache-control']]).toEqual([...named, 'private, no-cache']);
    if (route.access !== 'public') expect([...named, headers['vary']]).toEqual([...named, 'authorization, cookie']);
    for (const condition of [etag, `"other", ${etag}`, etag.slice(2), '*']) {
      const again = await ask('GET', path, { 'if-none-match': condition });
      expect([...named, condition, again.status, again.text]).toEqual([...named, condition, 304, '']);
      expect([...named, again.headers['etag']]).toEqual([...named, etag]);
    }
    const other = await ask('GET', path, { 'if-none-match': 'W/"other"' });
    expect([...named, other.status]).toEqual([...named, 200]);
  }
});

test('no cache keeps an error', async () => {
  for (const route of reads.filter(({ access }) => access === 'viewer' || access === 'admin')) {
    for (const [path, headers] of [
      [pathOf(route), { authorization: 'Bearer none' }],
      [`${pathOf(route).replace(/\?.*/, '')}?unknown=1`, {}],
    ] as const) {
      const { status, headers: answered } = await ask('GET', path, { ...headers, 'if-none-match': '*' });
      const named = [route.operationId, path];
      if (status < 400 && path.endsWith('?unknown=1')) continue; // the original ignores what it does not know
      expect([...named, status]).toEqual([...named, path.endsWith('?unknown=1') ? 400 : 401]);
      expect([...named, answered['cache-control'], answered['etag']]).toEqual([...named, 'no-store', undefined]);
    }
  }
});
