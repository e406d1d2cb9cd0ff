/** Whether a request comes from the console's own pages: other sites' pages can make a browser send requests, too. */
import type { Request } from 'express';
import { ApiError } from '../problem.js';

/** They change nothing that the caller owns, but may start a backfill. */
const READS = new Set(['GET', 'HEAD', 'OPTIONS']);
/** What a browser says of a request for the console's own page, and of an address that a person typed or opened. */
const OWN_READS = new Set(['same-origin', 'none']);

/**
 * For a request that a cookie authenticates. The header is one that another site's page can't send without being asked
 * for in a CORS preflight, which the API refuses.
 * @throws ApiError cross_site_request
 */
export function requireFromConsole(request: Request): void {
  if (READS.has(request.method)) {
    // the cookie comes along from a page on another port, or on a neighbouring host
    if (!OWN_READS.has(request.get('sec-fetch-site') ?? 'none')) throw fromElsewhere();
    return;
  }
  refuseOtherSites(request);
  if (request.get('x-hivesync') !== '1') {
    throw new ApiError('cross_site_request', 'with a cookie, what changes something needs the header `X-Hivesync: 1`');
  }
}

/**
 * For a request that would sign a browser in: a page of another site must not do so as somebody else.
 * @throws ApiError cross_site_request if the browser says that it comes from elsewhere; programs say nothing
 */
export function refuseOtherSites(request: Request): void {
  const from = request.get('sec-fetch-site');
  if (from === undefined || from === 'same-origin') return;
  throw fromElsewhere();
}

/**
 * For what browsers come to by going there.
 * @throws ApiError cross_site_request if it is asked for as a part of a page: an image, a frame, a script's request
 */
export function requireNavigation(request: Request): void {
  if ((request.get('sec-fetch-dest') ?? 'document') !== 'document') throw fromElsewhere();
}

function fromElsewhere(): ApiError {
  return new ApiError('cross_site_request', 'the request comes from a page that is not the console');
}
