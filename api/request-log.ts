import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import type { Logger } from 'pino';
import { pinoHttp } from 'pino-http';
import { serializeError } from './error-serializer.js';
import { httpDuration } from './metrics.js';

const REQUEST_ID = /^[\w.:-]{1,64}$/;
const PROBES = new Set(['/healthz', '/readyz', '/metrics']);

/** Logs one line per request, with its id. Headers are left out because they contain secrets. */
export function logRequests(logger: Logger): RequestHandler {
  return pinoHttp({
    logger,
    genReqId(request: IncomingMessage, response: ServerResponse) {
      const sent = request.headers['x-request-id'];
      const id = typeof sent === 'string' && REQUEST_ID.test(sent) ? sent : randomUUID();
      response.setHeader('x-request-id', id);
      return id;
    },
    serializers: {
      req: ({ id, method, url }: { id: string; method: string; url: string }) => ({
        id,
        method,
        url: withoutSecrets(url),
      }),
      res: ({ statusCode }: { statusCode: number }) => ({ status: statusCode }),
      err: serializeError,
    },
    customLogLevel: (request, response, error) => {
      if (error !== undefined || response.statusCode >= 500) return 'error';
      return PROBES.has(request.url ?? '') ? 'debug' : 'info';
    },
  });
}

/** Measures how long responses take, by route. Streams are left out, because how long one lasts says nothing. */
export const measureRequests: RequestHandler = (request, response, next) => {
  const end = httpDuration.startTimer();
  response.once('finish', () => {
    const route = (response.locals['route'] as string | undefined) ?? 'none';
    if (!route.endsWith('/stream')) end({ method: request.method, route, status: response.statusCode });
  });
  next();
};

/** Where the issuer's code is in the query, or the address of the page that somebody wanted. */
const SIGNING_IN = /\/(?:sign-in|v1\/+session)/i;
/** What people search for may be a secret, above all one that leaked into a log; it may also be inside another address. */
const UNLOGGED_FIELDS = new Set(['q', 'return_to', 'code', 'link', 'token']);

function withoutSecrets(url: string): string {
  const [path = '', query] = url.split(/\?(.*)/s, 2);
  if (query === undefined) return url;
  if (SIGNING_IN.test(decoded(path))) return `${path}?…`;
  const fields = query.split('&').map((field) => {
    const [name = ''] = field.split('=', 1);
    const [plain = ''] = /^\w*/.exec(decoded(name)) ?? [];
    return UNLOGGED_FIELDS.has(plain.toLowerCase()) ? `${plain}=…` : field;
  });
  return `${path}?${fields.join('&')}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
