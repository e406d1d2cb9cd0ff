/** Calls every route: responses match their schemas, and another organisation's data is in none of them. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestHive, NO_BACKFILLS, type TestHive, type TestOrganization } from '../tests/harness/http-api.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../tests/harness/seed.js';
import { createNodeApiKey } from '../prisma/queries/node-api-key.js';
import { createNodeInvite } from '../prisma/queries/node-invite.js';
import { createWebhook, testWebhook } from '../prisma/queries/webhooks/webhook.js';
import { forOrganization } from '../prisma/organization-scope.js';
import type { BackfillDescription } from '../backfills/describe.js';
import { createHttpServer } from './app.js';
import { allRoutes } from './routes/index.js';
import { isJsonResponse, type Route } from './route.js';
import { problem } from './schemas/common.js';
import { listen } from '../tests/harness/listen.js';
import { textWithin } from '../tests/harness/text-within.js';

interface Seeded {
  organization: TestOrganization;
  ids: {
    node: string;
    attempt: string;
    execution: string;
    apiKey: string;
    invite: string;
    sharedTask: string;
    project: string;
    webhook: string;
  };
}

let hive: TestHive;
let own: Seeded;
let foreign: Seeded;
let routes: Route[];
let base: string;
let server: ReturnType<typeof createHttpServer>;

const description = (attemptId: string): BackfillDescription => ({
  workflowId: `backfill/${attemptId}`,
  runId: randomUUID(),
  attemptId,
  nodeId: randomUUID(),
  trigger: 'read',
  status: 'running',
  outcome: null,
  startedAt: new Date(),
  endedAt: null,
  progress: { phase: 'mirroring', executions: 1, linesDeclared: 2, linesStored: 1, linesPulled: 1, pulls: 1 },
  result: null,
});

beforeAll(async () => {
  const backfills = {
    ...NO_BACKFILLS,
    cancel: () => Promise.resolve(true),
    describe: ({ attemptId }: { attemptId: string }) => Promise.resolve(description(attemptId)),
    list: () => Promise.resolve({ backfills: [description(own.ids.attempt)], nextPageToken: Buffer.from('next') }),
  };
  hive = await startTestHive({ backfills });
  own = await seed(hive.own, 'own-secret');
  foreign = await seed(hive.foreign, 'foreign-secret');
  routes = allRoutes({
    database: hive.database,
    backfills,
    logger: hive.logger,
    health: () => ({ temporal: true, workers: true }),
  });
  server = createHttpServer(hive.app);
  base = await listen(server);
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await hive.close();
});

/** Names and lines contain the marker, so that a leak shows wherever it is. */
async function seed(organization: TestOrganization, marker: string): Promise<Seeded> {
  const { database } = hive;
  const organizationId = organization.id;
  const node = await seedNode(database, organizationId, { name: marker });
  const { apiKey } = await createNodeApiKey(database, { organizationId, name: marker });
  await database.nodeApiKey.update({
    where: { id: apiKey.id },
    data: { blockedAt: new Date(), blockedReason: marker },
  });
  const { invite } = await createNodeInvite(forOrganization(database, organizationId), {
    createdBy: randomUUID(),
    ttlSeconds: 60,
  });
  const sharedTask = randomUUID();
  const metadata = { title: marker, shared_task_id: sharedTask, branch: marker };
  const attempt = await seedAttempt(database, { organizationId, nodeId: node, state: 'complete', metadata });
  const execution = await seedExecution(database, { attemptId: attempt, nodeId: node, ordinal: 1, declaredLines: 3 });
  await appendPage(database, execution, makeLines(marker, 3));
  const url = `https://receiver.example/${marker}`;
  const settings = { url, description: marker, events: ['attempt.ended'], offlineMinutes: 10, createdBy: randomUUID() };
  const webhook = (await createWebhook(forOrganization(database, organizationId), settings))?.webhook.id ?? '';
  await testWebhook(forOrganization(database, organizationId), webhook);
  const project = randomUUID();
  await database.swarmProject.create({ data: { organizationId, id: project, name: marker } });
  const path = `/home/${marker}/repo`;
  await database.nodeProject.create({
    data: {
      ...{ nodeId: node, organizationId, localProjectId: randomUUID(), name: marker, gitRepoPath: path },
      ...{ defaultBranch: 'main', swarmProjectId: project, linkedAt: new Date() },
    },
  });
  return {
    organization,
    ids: { node, attempt, execution, apiKey: apiKey.id, invite: invite.id, sharedTask, project, webhook },
  };
}

/** Of routes that would refuse an empty body before they look at the id. */
const BODIES: Record<string, object> = {
  createApiKey: { name: 'made by the walk' },
  createWebhook: { url: 'https://receiver.example/' },
  createToken: { name: 'made by the walk' },
  createOrganization: { name: 'made-by-the-walk' },
  linkNodeProject: { node_id: randomUUID(), local_project_id: randomUUID() },
};

/** The same of queries. */
const QUERIES: Record<string, string> = { searchLog: '?q=secret', searchAll: '?q=secret&match=text' };

/** @returns the route's path with the seeded ids that its parameters stand for */
function pathWith({ path }: Route, { ids }: Seeded): string {
  const kind = path.includes('/api-keys/')
    ? ids.apiKey
    : path.includes('/invites/')
      ? ids.invite
      : path.includes('by-shared-task') || path.includes('/tasks/')
        ? ids.sharedTask
        : path.startsWith('/v1/nodes/{id}')
          ? ids.node
          : path.includes('/projects/')
            ? ids.project
            : path.includes('/webhooks/')
              ? ids.webhook
              : ids.attempt;
  return path.replaceAll(/\{(\w+)\}/g, (_, name) => (name === 'node_id' ? ids.node : kind));
}

function call(route: Route, path: string, token?: string) {
  return fetch(base + path + (QUERIES[route.operationId] ?? ''), {
    method: route.method.toUpperCase(),
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(route.body && { 'content-type': 'application/json' }),
    },
    ...(route.body && { body: JSON.stringify(BODIES[route.operationId] ?? {}) }),
  });
}

const secured = () => routes.filter(({ access }) => access === 'viewer' || access === 'admin');
/** Routes that delete come last. */
const inOrder = () => [...routes].sort((a, b) => Number(a.method === 'delete') - Number(b.method === 'delete'));

test('without a credential every route except public ones answers 401', async () => {
  for (const route of secured()) {
    const response = await call(route, pathWith(route, own));
    expect([route.operationId, response.status]).toEqual([route.operationId, 401]);
    problem.parse(await response.json());
  }
});

test('a viewer gets 403 on every admin route', async () => {
  for (const route of routes.filter(({ access }) => access === 'admin')) {
    const response = await call(route, pathWith(route, own), hive.own.viewer);
    expect([route.operationId, response.status]).toEqual([route.operationId, 403]);
  }
});

test('another organisation’s id is answered like an unknown one, and its data is in no response', async () => {
  for (const route of secured()) {
    const withId = route.path.includes('{');
    const response = await call(route, pathWith(route, foreign), hive.own.admin);
    const text = await textWithin(response, 200);
    expect([route.operationId, text.includes('foreign-secret')]).toEqual([route.operationId, false]);
    if (!withId) continue;
    expect([route.operationId, response.status]).toEqual([route.operationId, 404]);
    const unknown: Seeded = {
      organization: hive.own,
      ids: Object.fromEntries(Object.keys(foreign.ids).map((key) => [key, randomUUID()])) as Seeded['ids'],
    };
    const other = await call(route, pathWith(route, unknown), hive.own.admin);
    const { error } = problem.parse(await other.json());
    expect([other.status, error]).toEqual([404, problem.parse(JSON.parse(text)).error]);
  }
});

test('filters with another organisation’s ids find nothing', async () => {
  const { node, execution } = foreign.ids;
  expect((await hive.get(`/v1/swarm/attempts?node_id=${node}`)).body).toMatchObject({ attempts: [] });
  const logs = `/v1/swarm/attempts/${own.ids.attempt}/logs`;
  for (const path of [logs, `${logs}/stream`, `${logs}/download`]) {
    expect((await hive.get(`${path}?execution_id=${execution}`)).status).toBe(404);
  }
});

test('metrics contain no ids and no names', async () => {
  const where = { attemptId: own.ids.attempt };
  await hive.database.attemptSync.update({ where, data: { state: 'pending_backfill' } });
  const metrics = await (await fetch(`${base}/metrics`)).text();
  await hive.database.attemptSync.update({ where, data: { state: 'complete' } });
  expect(metrics).toContain('http_request_duration_seconds_bucket');
  expect(metrics).toContain('backfill_pending_count 1');
  expect(metrics).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}|foreign-secret|own-secret/);
});

test('every route answers as the OpenAPI document says', async () => {
  const document = (await (await fetch(`${base}/openapi.json`)).json()) as {
    openapi: string;
    paths: Record<string, Record<string, { responses: Record<string, unknown> }>>;
  };
  expect(document.openapi).toBe('3.1.0');
  for (const route of inOrder()) {
    const response = await call(route, pathWith(route, own), hive.own.admin);
    const declared = document.paths[route.path]?.[route.method]?.responses ?? {};
    expect([route.operationId, Object.keys(declared)]).toEqual([
      route.operationId,
      expect.arrayContaining([String(response.status)]),
    ]);
    const spec = route.responses[response.status as keyof typeof route.responses];
    const text = await textWithin(response, 200);
    if (spec && isJsonResponse(spec)) spec.parse(JSON.parse(text));
    else if (!spec) problem.parse(JSON.parse(text));
    expect([route.operationId, response.status < 500]).toEqual([route.operationId, true]);
  }
});

test('the documentation page shows every route', async () => {
  const response = await fetch(`${base}/docs`);
  expect(response.headers.get('content-type')).toContain('text/html');
  const html = await response.text();
  for (const { operationId, path } of routes) {
    expect(html).toContain(`id="${operationId}"`);
    expect(html).toContain(`<code>${path}</code>`);
  }
  expect(html).not.toMatch(/<script|http:\/\/|https:\/\//);
});

test.each([
  ['/docs', 'openapi.json'],
  ['/docs/', '../openapi.json'],
])('the link of %s stays under the address at which the page was reached', async (path, link) => {
  const html = await (await fetch(`${base}${path}`)).text();
  expect(html).toContain(`href="${link}"`);
  expect(html).not.toMatch(/href="\//);
});
