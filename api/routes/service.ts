import { z } from 'zod';
import { countPendingBackfills } from '../../prisma/queries/pending-backfills.js';
import { countFilterBacklog } from '../../prisma/queries/search/filter-backlog.js';
import { DatabaseReadiness } from '../../prisma/readiness.js';
import { backfillsPending, register, searchIndexBacklog } from '../metrics.js';
import type { AppDependencies } from '../dependencies.js';
import { docsPage } from '../docs-page.js';
import type { OpenApiDocument } from '../openapi.js';
import { answer, route, WRITTEN, type Route } from '../route.js';

const tag = 'service';

const health = z.strictObject({ status: z.literal('ok') }).meta({ id: 'Health' });

const serviceState = z.enum(['ok', 'degraded']);
const readiness = z
  .strictObject({
    database: serviceState,
    temporal: serviceState,
    workers: serviceState,
    reasons: z
      .strictObject({ hive: z.string(), database: z.string(), temporal: z.string(), workers: z.string() })
      .partial()
      .meta({ description: 'Why a part is degraded, or why the hive takes no new clients.' }),
  })
  .meta({ id: 'Readiness', description: 'Mirroring and reads continue while Temporal or the workers are degraded.' });

export function serviceRoutes(deps: AppDependencies, document: () => OpenApiDocument): Route[] {
  const database = new DatabaseReadiness(deps.database);
  return [
    route({
      method: 'get',
      path: '/healthz',
      operationId: 'health',
      tag,
      summary: 'Whether the process is running',
      access: 'public',
      responses: { 200: health },
      handle: () => answer(200, { status: 'ok' as const }),
    }),
    route({
      method: 'get',
      path: '/readyz',
      operationId: 'readiness',
      tag,
      summary:
        'Whether the hive can serve requests: 200 if its database takes reads and writes, and it is not stopping',
      access: 'public',
      responses: { 200: readiness, 503: readiness },
      handle: async () => {
        const [fault, { temporal, workers, reason }] = await Promise.all([database.fault(), deps.health()]);
        const isLeaving = deps.leaving?.aborted ?? false;
        const state = (ok: boolean) => (ok ? ('ok' as const) : ('degraded' as const));
        const body = {
          database: state(fault === undefined),
          temporal: state(temporal),
          workers: state(workers),
          reasons: {
            ...(isLeaving && { hive: 'stopping' }),
            ...(fault !== undefined && { database: fault }),
            ...(!temporal && reason !== undefined && { temporal: reason }),
            ...(!workers && reason !== undefined && { workers: reason }),
          },
        };
        return fault === undefined && !isLeaving ? answer(200, body) : answer(503, body);
      },
    }),
    route({
      method: 'get',
      path: '/metrics',
      operationId: 'metrics',
      tag,
      summary: 'This process’s metrics for Prometheus',
      access: 'public',
      responses: { 200: { description: 'The metrics in Prometheus’s text format.', contentType: 'text/plain' } },
      handle: async ({ response }) => {
        // While the database is away, the other metrics matter even more.
        await countPendingBackfills(deps.database).then(
          (count) => backfillsPending.set(count),
          () => backfillsPending.set(NaN),
        );
        await countFilterBacklog(deps.database).then(
          (count) => searchIndexBacklog.set(count),
          () => searchIndexBacklog.set(NaN),
        );
        response
          .status(200)
          .set('content-type', register.contentType)
          .send(await register.metrics());
        return WRITTEN;
      },
    }),
    route({
      method: 'get',
      path: '/openapi.json',
      operationId: 'openapi',
      tag,
      summary: 'This API as an OpenAPI 3.1 document',
      access: 'public',
      responses: { 200: { description: 'The document.', contentType: 'application/json' } },
      handle: () => answer(200, JSON.stringify(document())),
    }),
    route({
      method: 'get',
      path: '/docs',
      operationId: 'docs',
      tag,
      summary: 'This API as an HTML page',
      access: 'public',
      responses: { 200: { description: 'The page.', contentType: 'text/html' } },
      // the link is relative, so that it also works behind a proxy that serves the hive under a prefix
      handle: ({ request }) =>
        answer(200, docsPage(document(), request.path.endsWith('/') ? '../openapi.json' : 'openapi.json')),
    }),
  ];
}
