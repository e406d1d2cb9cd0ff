import { createServer, type RequestListener, type Server } from 'node:http';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { limitsOf, type AppDependencies } from './dependencies.js';
import { serveConsole } from './console/serve-console.js';
import { cors } from './cors.js';
import { ApiError, sendProblem, toApiError } from './problem.js';
import { createRateLimits } from './rate-limit.js';
import { registerRoutes } from './register-routes.js';
import { logRequests, measureRequests } from './request-log.js';
import { allRoutes } from './routes/index.js';
import { INSTALLATION_ID, IS_REACHED_BY_HTTPS } from './session/cookie.js';
import { securityHeaders } from './security-headers.js';

/** The HTTP API. Nodes' sockets are not part of it: the gateway handles the server's upgrades. */
export function createApp(deps: AppDependencies): Express {
  const app = express();
  app
    .disable('x-powered-by')
    .set('etag', false)
    .set('trust proxy', deps.trustedProxies ?? 0)
    .set(INSTALLATION_ID, deps.installationId)
    .set(IS_REACHED_BY_HTTPS, deps.publicUrl?.toLowerCase().startsWith('https:') === true);
  app.use(logRequests(deps.logger), measureRequests, securityHeaders(deps.hstsSeconds ?? 0), noStore);
  if (deps.corsOrigins && deps.corsOrigins.length > 0) app.use(cors(deps.corsOrigins));
  registerRoutes(app, allRoutes(deps), deps, createRateLimits(limitsOf(deps)));
  app.use(serveConsole(deps.consoleFolder), unknownPath, handleError);
  return app;
}

const noStore: RequestHandler = (_request, response, next) => {
  response.set('cache-control', 'no-store');
  next();
};

const unknownPath: RequestHandler = (request) => {
  throw new ApiError('not_found', `there is nothing at ${request.path.slice(0, 200)}; see /docs`);
};

// Express recognises an error handler by its four parameters.
// eslint-disable-next-line @typescript-eslint/no-unused-vars
const handleError: ErrorRequestHandler = (error: unknown, request, response, _next) => {
  const problem = toApiError(error);
  if (problem.status >= 500) request.log.error({ err: error, code: problem.code }, 'request failed');
  if (response.headersSent)
    response.destroy(); // a truncated response must not look complete
  else sendProblem(response, problem);
};

/** A server that limits each client: 15 s for the headers, 60 s for the whole request, 16 KiB of headers. */
export function createHttpServer(listener: RequestListener): Server {
  return createServer(
    {
      headersTimeout: 15_000,
      requestTimeout: 60_000,
      keepAliveTimeout: 65_000, // longer than the 60 s that load balancers usually have
      connectionsCheckingInterval: 5_000,
      maxHeaderSize: 16 * 1024,
    },
    listener,
  );
}
