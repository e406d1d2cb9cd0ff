/** Serves the console: its page at every address that it has, and what the page loads. */
import { Router, type Request, type RequestHandler, type Response } from 'express';
import { hasEntityTag } from '../conditional.js';
import { ApiError } from '../problem.js';
import { ENCODINGS, readConsoleFiles, type ConsoleFile } from './files.js';

/** Its routes (console/app.tsx), so that a link to one works, and so does reloading it. */
const PAGES = ['/', '/attempts', '/attempts/:id', '/nodes', '/backfills', '/search', '/sign-in'];

/** Nothing but the console's own files: no inline script or style, no other host, no frame around it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** Their names change with their content. */
const FOREVER = 'public, max-age=31536000, immutable';
const ASK_EACH_TIME = 'no-cache';

const NOT_BUILT = 'This hive was built without its console; programs use the API, which /docs describes.\n';

/** @param folder of the built console; undefined if there is none */
export function serveConsole(folder: string | undefined): RequestHandler {
  const files = folder === undefined ? undefined : readConsoleFiles(folder);
  const page = files?.get('index.html');
  const router = Router({ caseSensitive: true });
  if (!files || !page)
    return router.get('/', (_request, response) => void response.status(404).type('text').send(NOT_BUILT));
  router.get(PAGES, (request, response) => {
    response.locals['route'] = 'console';
    send(request, response, page, ASK_EACH_TIME);
  });
  router.get('/assets/*path', (request, response) => {
    response.locals['route'] = 'console';
    const file = files.get(request.path.slice(1));
    if (!file) throw new ApiError('not_found', 'the console has no such file; reload the page if the hive was updated');
    send(request, response, file, FOREVER);
  });
  return router;
}

function send(request: Request, response: Response, file: ConsoleFile, caching: string): void {
  response
    .set({ 'content-security-policy': POLICY, 'cache-control': caching, etag: file.etag })
    .vary('accept-encoding');
  if (hasEntityTag(request, file.etag)) {
    response.status(304).end();
    return;
  }
  const encoding = ENCODINGS.find((name) => file.encoded[name] && request.acceptsEncodings(name) === name);
  const body = (encoding && file.encoded[encoding]) ?? file.content;
  if (encoding) response.set('content-encoding', encoding);
  response.set({ 'content-type': file.type, 'content-length': String(body.byteLength) });
  response.status(200).end(body);
}
