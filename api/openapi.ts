import { OpenApiGeneratorV31, OpenAPIRegistry, type RouteConfig } from '@asteasolutions/zod-to-openapi';
import type { z } from 'zod';
import { PROBLEMS, type ProblemCode } from './problem.js';
import { isJsonResponse, type OtherContent, type Route } from './route.js';
import { problem } from './schemas/common.js';
import { SESSION_COOKIE } from './session/cookie.js';

export type OpenApiDocument = ReturnType<OpenApiGeneratorV31['generateDocument']>;
type Responses = RouteConfig['responses'];

/** Descriptions of responses. Several codes can share a status; then the last one that a route has stands for all. */
const DESCRIPTIONS: Partial<Record<ProblemCode, string>> = {
  invalid_request: 'A field is unknown or invalid; `errors` names it.',
  invalid_cursor: 'A field is unknown or invalid; `errors` names it.',
  unauthenticated: 'No valid credential.',
  cross_site_request: 'By cookie, from a page of another site or without `X-Hivesync: 1`.',
  forbidden: 'Only for admins, or `organization_id` is not the caller’s organisation.',
  not_found: 'Unknown, or of another organisation.',
  conflict: 'The state does not allow it.',
  body_too_large: 'The body is too large.',
  unsupported_media_type: 'The body is not application/json.',
  precondition_failed: 'The content is not the one that If-Match names.',
  range_not_satisfiable: 'The file ends before the range; `Content-Range` has its size.',
  upgrade_required: 'A WebSocket is needed.',
  too_many_requests: 'Too many requests; see Retry-After.',
  internal: 'The hive failed.',
  log_damaged: 'The hive failed, or stored lines are damaged; `code` tells which.',
  database_unavailable: 'The database does not answer or takes no writes; see Retry-After.',
  temporal_unavailable: 'Temporal or the database does not answer; see Retry-After.',
  too_many_streams: 'Too many open streams, or the database does not answer; see Retry-After.',
};

/** Makes the OpenAPI 3.1 document from the schemas that check requests and that tests check responses against. */
export function openApiDocument(routes: Route[], publicUrl?: string): OpenApiDocument {
  const registry = new OpenAPIRegistry();
  registry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description:
      'An API token of an organisation (`hive_…`), or a node’s API key, which can read what a viewer can. If the hive ' +
      'has an OpenID Connect issuer, also a JWT from it.',
  });
  registry.registerComponent('securitySchemes', 'session', {
    type: 'apiKey',
    in: 'cookie',
    name: SESSION_COOKIE,
    description:
      'The cookie of a browser that has signed in to the console. Its name goes on with `_` and the beginning of the ' +
      'installation’s id, and over https begins with `__Host-`. What ' +
      'changes something also needs the header `X-Hivesync: 1`. A request with `X-Hivesync-Unattended: 1`, and a stream, ' +
      'does not count as use of the session.',
  });
  for (const route of routes) registry.registerPath(toPath(route));
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: {
      title: 'Hivesync',
      version: '1',
      description: 'A central copy of what coding agents did on many machines. Errors are RFC 9457 problem details.',
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
    ...(route.access !== 'public' && { security: securityOf(route) }),
    request: {
      ...(route.params && { params: route.params as z.ZodObject }),
      ...(route.query && { query: route.query as z.ZodObject }),
      ...(route.body && { body: { content: { 'application/json': { schema: route.body } } } }),
    },
    responses: { ...successes(route), ...problems(route) },
  };
}

function securityOf({ access }: Route): NonNullable<RouteConfig['security']> {
  return [{ bearer: [] }, { session: [] }, ...(access === 'anyone' ? [{}] : [])];
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

/** The errors that every route of this kind can answer with, then those that the route itself declares. */
function problems(route: Route): Responses {
  const codes = new Set<ProblemCode>(['invalid_request', 'internal']);
  if (route.access !== 'public') {
    for (const code of ['cross_site_request', 'too_many_requests', 'database_unavailable'] as const) codes.add(code);
    if (route.access !== 'anyone') codes.add('unauthenticated');
  }
  if (route.access === 'admin') codes.add('forbidden');
  if (route.body) for (const code of ['body_too_large', 'unsupported_media_type'] as const) codes.add(code);
  for (const code of route.errors ?? []) codes.add(code);
  const responses: Responses = {};
  for (const code of codes) {
    const { status, title } = PROBLEMS[code];
    if (status in route.responses) continue;
    const description = DESCRIPTIONS[code] ?? title;
    responses[status] = { description, content: { 'application/problem+json': { schema: problem } } };
  }
  return responses;
}
