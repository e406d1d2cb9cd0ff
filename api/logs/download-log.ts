/** A whole log as a file, streamed a few pages at a time. */
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Request, Response } from 'express';
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import type { LogFilter } from '../../prisma/queries/read-log.js';
import type { LogLine } from '../../protocol/page.js';
import type { Recheck } from '../recheck.js';
import { LOG_START } from './cursor.js';
import type { EncodedEntry } from './read-entries.js';
import { findLog, readFrom } from './log-reader.js';
import type { ForwardRead } from './read-forward.js';

export type DownloadFormat = 'text' | 'ndjson';

const FORMATS: Record<
  DownloadFormat,
  { contentType: string; extension: string; line: (entry: EncodedEntry) => string }
> = {
  text: { contentType: 'text/plain; charset=utf-8', extension: 'log', line: (entry) => `${contentOf(entry)}\n` },
  ndjson: { contentType: 'application/x-ndjson', extension: 'ndjson', line: ({ json }) => `${json}\n` },
};
const BATCH = { limit: 5_000, maxCharacters: 2 * 1024 * 1024 };
/** A reader that takes nothing for this long is cut off. */
const STALL_MS = 60_000;

export interface DownloadOptions {
  scope: OrganizationScope;
  attemptId: string;
  filter: LogFilter;
  format: DownloadFormat;
  request: Request;
  response: Response;
  recheck: Recheck;
}

export async function downloadLog(options: DownloadOptions): Promise<void> {
  const { scope, attemptId, filter, format, request, response } = options;
  await findLog(scope, attemptId, filter);
  const { contentType, extension, line } = FORMATS[format];
  const compress = request.acceptsEncodings('gzip') === 'gzip';
  response.status(200).set({
    'content-type': contentType,
    'content-disposition': `attachment; filename="${filter.executionId ?? attemptId}.${extension}"`,
    vary: 'accept-encoding',
    ...(compress && { 'content-encoding': 'gzip' }),
  });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const first = await readFrom(scope, attemptId, LOG_START, { filter, ...BATCH });
  response.setTimeout(STALL_MS, () => response.destroy());
  const parts = logParts(options, first, line);
  try {
    if (compress) await pipeline(parts, createGzip({ level: 1 }), response);
    else await pipeline(parts, response);
  } catch (error) {
    if (!isPrematureClose(error)) throw error;
  }
}

/** Reads up to what is stored when it gets there; it does not wait for later lines. */
async function* logParts(
  { scope, attemptId, filter, recheck }: DownloadOptions,
  first: ForwardRead,
  line: (entry: EncodedEntry) => string,
) {
  for (let read = first; ; read = await readFrom(scope, attemptId, read.cursor, { filter, ...BATCH })) {
    await recheck.require();
    yield read.segments.map(({ entries }) => entries.map(line).join('')).join('');
    if (!read.hasMore) return;
  }
}

function contentOf({ json }: EncodedEntry): string {
  return (JSON.parse(json) as LogLine).content;
}

/** The reader went away. */
function isPrematureClose(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE';
}
