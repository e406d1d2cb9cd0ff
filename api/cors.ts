import type { RequestHandler } from 'express';

const PREFLIGHT = {
  'access-control-allow-methods': 'GET, POST, DELETE',
  'access-control-allow-headers':
    'authorization, content-type, if-none-match, if-range, last-event-id, range, x-request-id',
  'access-control-max-age': '600',
};

/**
 * Lets scripts from the given origins call the API, with tokens of their own: the console's cookie is for the console, so
 * credentials are not allowed.
 */
export function cors(origins: string[]): RequestHandler {
  return (request, response, next) => {
    response.vary('origin');
    const { origin } = request.headers;
    if (origin === undefined || !origins.includes(origin)) {
      next();
      return;
    }
    response.set({
      'access-control-allow-origin': origin,
      'access-control-expose-headers':
        'accept-ranges, allow, content-disposition, content-location, content-range, etag, retry-after, x-request-id',
    });
    const isPreflight = request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined;
    if (isPreflight) response.set(PREFLIGHT).status(204).end();
    else next();
  };
}
