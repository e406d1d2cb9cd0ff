import express, { type Express, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { forOrganization } from '../prisma/organization-scope.js';
import { authenticateRequest, hasCredential, requireAccess, requireOwnOrganization } from './authentication.js';
import type { Searcher } from '../search/searcher.js';
import type { AppDependencies } from './dependencies.js';
import { answerNotModified, weakEntityTag } from './conditional.js';
import { ApiError, toApiError } from './problem.js';
import { markRefused, type RateLimits } from './rate-limit.js';
import { EncodedJson, isJsonResponse, parseRequest, type Context, type Route, type UntypedAnswer } from './route.js';

export const MAX_BODY_BYTES = 64 * 1024;

/** Registers the routes in Express. A method that no route of a path has is answered with 405. */
export function registerRoutes(app: Express, routes: Route[], deps: AppDependencies, limits: RateLimits): void {
  const paths = new Map<string, Route[]>();
  for (const route of [...routes].sort(literalsFirst)) {
    paths.set(route.path, [...(paths.get(route.path) ?? []), route]);
  }
  for (const [path, ofPath] of paths) {
    const expressPath = path.replace(/\{(\w+)\}/g, ':$1');
    for (const route of ofPath) app[route.method](expressPath, ...handlers(route, deps, limits));
    app.all(expressPath, refuseMethod(ofPath));
  }
}

/** Puts `/v1/nodes/api-keys` before `/v1/nodes/{id}`, so that requests to the former don't match the latter. */
function literalsFirst(a: Route, b: Route): number {
  // compared by code unit, because a locale puts ~ first
  const [first, second] = [a.path.replaceAll('{', '~'), b.path.replaceAll('{', '~')];
  return first < second ? -1 : 1;
}

function refuseMethod(routes: Route[]): RequestHandler {
  const methods = routes.map(({ method }) => method.toUpperCase());
  const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
  return (request, response) => {
    if (request.method === 'OPTIONS') {
      response.set('allow', allow).status(204).end();
      return;
    }
    throw new ApiError('method_not_allowed', `${request.method} is not allowed here; allowed: ${allow}`, {
      headers: { allow },
    });
  };
}

function handlers(route: Route, deps: AppDependencies, limits: RateLimits): RequestHandler[] {
  const byAddress = route.isLimitedByAddress ? [limits.perFailedLogin] : [];
  const authentication =
    route.access === 'public' ? [] : [authenticator(route, deps, limits), ifKnown(limits.perCredential)];
  const body = route.body ? [requireJson, express.json({ limit: MAX_BODY_BYTES, strict: false })] : [];
  const first = route.searches || !deps.searcher ? [] : [goFirst(deps.searcher)];
  return [markRoute(route), ...byAddress, ...authentication, ...first, ...body, runner(route)];
}

/** Names the route for the metrics, because paths contain ids. */
function markRoute(route: Route): RequestHandler {
  return (_request, response, next) => {
    response.locals['route'] = route.path;
    next();
  };
}

/** Searches that are under way wait for it. */
function goFirst(searcher: Searcher): RequestHandler {
  return (_request, response, next) => {
    response.once('close', searcher.giveWay());
    next();
  };
}

function authenticator(route: Route, deps: AppDependencies, limits: RateLimits): RequestHandler {
  return async (request: Request, response: Response, next: NextFunction) => {
    try {
      response.vary('authorization, cookie');
      const principal = await authenticateRequest(deps, request);
      response.locals['principal'] = principal;
      if (route.access !== 'anyone')
        response.locals['scope'] = forOrganization(deps.database, principal.organizationId);
      requireAccess(principal, route.access);
      next();
    } catch (error) {
      const isForAnyone = route.access === 'anyone';
      if (toApiError(error).code !== 'unauthenticated') next(error);
      else if (isForAnyone && !hasCredential(request)) next();
      else {
        markRefused(response);
        const refusal = isForAnyone ? undefined : error;
        await limits.perFailedLogin(request, response, (limit?: unknown) => next(limit ?? refusal));
      }
    }
  };
}

/** Nobody may have sent a good credential where anyone may call. */
function ifKnown(limit: RequestHandler): RequestHandler {
  return async (request, response, next) => {
    if (response.locals['principal'] === undefined) next();
    else await limit(request, response, next);
  };
}

const requireJson: RequestHandler = (request, _response, next) => {
  const hasBody = request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length']) > 0;
  if (hasBody && request.is('application/json') === false) {
    throw new ApiError('unsupported_media_type', 'the body must be application/json');
  }
  next();
};

function runner(route: Route): RequestHandler {
  return async (request, response) => {
    const parsed = parseRequest(route, request);
    const scope = response.locals['scope'] as Context['scope'];
    if (scope) requireOwnOrganization(scope.organizationId, [parsed.query, parsed.body]);
    const context = {
      ...parsed,
      scope,
      principal: response.locals['principal'] as Context['principal'],
      request,
      response,
      gone: whenGone(response),
    };
    send(route, context, await route.handle(context));
  };
}

/** @returns a signal that aborts when the connection closes before the response is finished */
function whenGone(response: Response): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort();
  });
  return controller.signal;
}

/** Answers a read with an entity tag, and says 304 to who has the same content already. Express answers HEAD without it. */
function send(route: Route, { request, response }: Pick<Context, 'request' | 'response'>, answer: UntypedAnswer): void {
  if ('written' in answer) return;
  response.status(answer.status);
  const spec = route.responses[answer.status as keyof typeof route.responses];
  const isJson = spec !== undefined && isJsonResponse(spec);
  const content = isJson ? toJson(answer.body) : answer.body;
  if (typeof content !== 'string') {
    response.end();
    return;
  }
  const isRead = route.method === 'get' && answer.status === 200;
  if (isRead && answerNotModified(request, response, weakEntityTag(content))) return;
  response.type(isJson ? 'application/json' : (spec?.contentType ?? 'text/plain')).send(content);
}

function toJson(body: unknown): string {
  return body instanceof EncodedJson ? body.text : JSON.stringify(body);
}
