/** A whole log as a file, streamed a few pages at a time. */
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Request, Response } from 'express';
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import type { LogFilter } from '../../prisma/queries/read-log.js';
import { LineJoiner } from '../../protocol/line-joiner.js';
import type { LogLine } from '../../protocol/page.js';
import type { Recheck } from '../recheck.js';
import { LOG_START } from './cursor.js';
import { findLog, readFrom } from './log-reader.js';
import type { ForwardRead, LogSegment } from './read-forward.js';

export type DownloadFormat = 'text' | 'ndjson';

/** Makes what is downloaded of entries, as they come. */
interface Formatter {
  format(segment: LogSegment): string;
  /** @returns what it has kept back */
  end(): string;
}

const FORMATS: Record<DownloadFormat, { contentType: string; extension: string; formatter: () => Formatter }> = {
  text: { contentType: 'text/plain; charset=utf-8', extension: 'log', formatter: textOf },
  ndjson: { contentType: 'application/x-ndjson', extension: 'ndjson', formatter: ndjsonOf },
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
  const { contentType, extension, formatter } = FORMATS[format];
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
  const parts = logParts(options, first, formatter());
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
  formatter: Formatter,
) {
  for (let read = first; ; read = await readFrom(scope, attemptId, read.cursor, { filter, ...BATCH })) {
    await recheck.require();
    const text = read.segments.map((segment) => formatter.format(segment)).join('');
    yield read.hasMore ? text : text + formatter.end();
    if (!read.hasMore) return;
  }
}

/** The text as it was printed: partial entries are joined. */
function textOf(): Formatter {
  const joiner = new LineJoiner();
  return {
    format({ ordinal, entries, hasEnded }) {
      const text = entries.map(({ json }) => joiner.add(ordinal, JSON.parse(json) as LogLine)).join('');
      return hasEnded ? text + joiner.end(ordinal) : text;
    },
    end: () => joiner.end(),
  };
}

/** The entries as they are. */
function ndjsonOf(): Formatter {
  return { format: ({ entries }) => entries.map(({ json }) => `${json}\n`).join(''), end: () => '' };
}

/** The reader went away. */
function isPrematureClose(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE';
}
