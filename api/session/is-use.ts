import type { Request } from 'express';

/**
 * Whether a request keeps a session from ending. A page asks by itself too, for as long as it is open: the console says
 * when nobody has touched it for a while, and a stream is opened again by whatever lost it.
 */
export function isUse(request: Request): boolean {
  return request.get('x-hivesync-unattended') === undefined && request.get('accept') !== 'text/event-stream';
}
