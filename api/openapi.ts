import { OpenApiGeneratorV31, OpenAPIRegistry, type RouteConfig } from '@asteasolutions/zod-to-openapi';
import type { z } from 'zod';
import type { ProblemCode } from './problem.js';
import { isJsonResponse, type OtherContent, type Route } from './route.js';
import { problem } from './schemas/common.js';

export type OpenApiDocument = ReturnType<OpenApiGeneratorV31['generateDocument']>;
type Responses = RouteConfig['responses'];

const PROBLEM_STATUS: Partial<Record<ProblemCode, [status: number, description: string]>> = {
  invalid_request: [400, 'A field is unknown or not valid; `errors` names it.'],
  invalid_cursor: [400, 'A field is unknown or not valid; `errors` names it.'],
  unauthenticated: [401, 'No valid credential.'],
  forbidden: [403, 'Only for admins.'],
  not_found: [404, 'Unknown, or another organisation’s.'],
  conflict: [409, 'The state does not allow it.'],
  body_too_large: [413, 'The body is too large.'],
  unsupported_media_type: [415, 'The body is not application/json.'],
  upgrade_required: [426, 'A WebSocket is needed.'],
  too_many_requests: [429, 'Too many requests; see Retry-After.'],
  internal: [500, 'The hive failed.'],
  log_damaged: [500, 'The hive failed, or stored lines are damaged; `code` tells.'],
  temporal_unavailable: [503, 'Temporal or the database does not answer; see Retry-After.'],
  database_unavailable: [503, 'The database does not answer; see Retry-After.'],
  too_many_streams: [503, 'Too many open streams, or the database does not answer; see Retry-After.'],
};

/** The OpenAPI 3.1 document of the routes: what checks requests, and what tests hold answers against. */
export function openApiDocument(routes: Route[], publicUrl?: string): OpenApiDocument {
  const registry = new OpenAPIRegistry();
  registry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description:
      'An API token of an organisation (`hive_…`), or a node’s API key, which reads as a viewer; where the hive has an OpenID Connect issuer, also a JWT of it.',
  });
  for (const route of routes) registry.registerPath(toPath(route));
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: {
      title: 'Hivesync',
      version: '1',
      description: 'A central copy of what coding agents did on many machines. Errors are RFC 9457 problems.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    ...(publicUrl !== undefined && { servers: [{ url: publicUrl }] }),
  });
}

function toPath(route: Route): RouteConfig {
  return {
    method: route.method,
    path: route.path,
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description !== undefined && { description: route.description }),
    ...(route.access !== 'public' && { security: [{ bearer: [] }] }),
    request: {
      ...(route.params && { params: route.params as z.ZodObject }),
      ...(route.query && { query: route.query as z.ZodObject }),
      ...(route.body && { body: { content: { 'application/json': { schema: route.body } } } }),
    },
    responses: { ...successes(route), ...problems(route) },
  };
}

function successes(route: Route): Responses {
  return Object.fromEntries(
    Object.entries(route.responses).map(([status, spec]) => [
      status,
      isJsonResponse(spec)
        ? { description: 'Done.', content: { 'application/json': { schema: spec } } }
        : otherContent(spec),
    ]),
  );
}

function otherContent({ description, contentType }: OtherContent): Responses[string] {
  return {
    description,
    ...(contentType !== undefined && { content: { [contentType]: { schema: { type: 'string' } } } }),
  };
}

/** What a route can answer by its kind, and what it says of itself. */
function problems(route: Route): Responses {
  const codes = new Set<ProblemCode>(['invalid_request', 'internal', ...(route.errors ?? [])]);
  if (route.access !== 'public') {
    for (const code of ['unauthenticated', 'too_many_requests', 'database_unavailable'] as const) codes.add(code);
  }
  if (route.access === 'admin') codes.add('forbidden');
  if (route.body) for (const code of ['body_too_large', 'unsupported_media_type'] as const) codes.add(code);
  const responses: Responses = {};
  for (const code of codes) {
    const [status, description] = PROBLEM_STATUS[code] ?? [500, code];
    if (status in route.responses) continue;
    responses[status] = { description, content: { 'application/problem+json': { schema: problem } } };
  }
  return responses;
}
