/** Entity tags: whether the client already has what it asks for. */
import { createHash } from 'node:crypto';
import type { Request, Response } from 'express';
import { ApiError } from './problem.js';

/** @returns a weak entity tag: the same content, though it may come in another encoding */
export function weakEntityTag(content: string | Buffer): string {
  return `W/"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
}

/** @returns whether the client has the content with this tag, as If-None-Match says */
export function hasEntityTag(request: Request, etag: string): boolean {
  const sent = request.get('if-none-match');
  return sent !== undefined && matches(sent, etag);
}

/**
 * Sends the entity tag and, if the client has the content with that tag, the answer 304. Unlike Express's `fresh`, it
 * heeds If-None-Match with `Cache-Control: no-cache` too, which is for caches, and which `fetch` sends with it.
 * @returns whether the request is answered
 * @throws ApiError precondition_failed if the client wants other content or nothing (If-Match)
 */
export function answerNotModified(request: Request, response: Response, etag: string): boolean {
  const wanted = request.get('if-match');
  if (wanted !== undefined && !isWanted(wanted, etag)) {
    throw new ApiError('precondition_failed', 'what is here now is not what If-Match names');
  }
  response.set({ etag, 'cache-control': 'private, no-cache' });
  if (!hasEntityTag(request, etag)) return false;
  response.removeHeader('content-type');
  response.status(304).end();
  return true;
}

/** Compares as If-None-Match does: weak and strong tags with the same text match. */
function matches(list: string, etag: string): boolean {
  if (list.trim() === '*') return true;
  const opaque = etag.replace(/^W\//, '');
  return [...list.matchAll(/"[^"]*"/g)].some(([tag]) => tag === opaque);
}

/** Compares as If-Match does: a weak tag is equal to none. */
function isWanted(list: string, etag: string): boolean {
  if (list.trim() === '*') return true;
  return [...list.matchAll(/(?:W\/)?"[^"]*"/g)].some(([tag]) => tag === etag && !tag.startsWith('W/'));
}
