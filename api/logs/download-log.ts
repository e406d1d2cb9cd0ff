/** A log as a file: all that is stored when the download begins, or a range of that. */
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Request, Response } from 'express';
import { answerNotModified } from '../conditional.js';
import { ApiError } from '../problem.js';
import type { Recheck } from '../recheck.js';
import type { FileIndex } from './file-index.js';
import { FILE_START, fileParts, type FileFormat, type FilePart, type FilePlace } from './log-file.js';
import { encodeUntil, entityTag, takeSnapshot, type LogSnapshot, type LogSource } from './log-snapshot.js';

const KINDS: Record<FileFormat, { contentType: string; extension: string }> = {
  text: { contentType: 'text/plain; charset=utf-8', extension: 'log' },
  ndjson: { contentType: 'application/x-ndjson', extension: 'ndjson' },
};
/** A reader that takes nothing for this long is cut off. */
const STALL_MS = 60_000;
/** Ranges of longer logs are not served: to know a range, the file's size must be known, and so the file be made. */
const MAX_LINES_FOR_RANGES = 20_000_000;

export interface DownloadOptions {
  source: LogSource;
  format: FileFormat;
  /** Of an earlier download, to have the same file again. */
  until: string | undefined;
  index: FileIndex;
  request: Request;
  response: Response;
  recheck: Recheck;
  gone: AbortSignal;
}

/** First and last byte, of so many in the file. */
interface ByteRange {
  start: number;
  end: number;
  total: number;
}

export async function downloadLog(options: DownloadOptions): Promise<void> {
  const { source, format, until, request, response } = options;
  const snapshot = await takeSnapshot(source, until);
  const etag = entityTag(snapshot, format);
  const headers = describe(snapshot, options);
  const isPart = wantsRange(request, etag, headers['accept-ranges'] === 'bytes');
  const compress = !isPart && request.acceptsEncodings('gzip') === 'gzip';
  // the two encodings are different bytes: a range of one must not continue the other
  const sentEtag = compress ? etag.replace(/"$/, '-gzip"') : etag;
  response.set(headers).vary('authorization, accept-encoding');
  if (answerNotModified(request, response, sentEtag)) return;
  const range = isPart ? await findRange(snapshot, etag, options) : undefined;
  if (range) await sendRange(snapshot, etag, range, options);
  else await sendWhole(snapshot, etag, compress, options);
}

function describe(snapshot: LogSnapshot, { source, format, until }: DownloadOptions) {
  const { contentType, extension } = KINDS[format];
  const isPinned = snapshot.isFinal || until !== undefined;
  const pin = isPinned ? undefined : encodeUntil(snapshot);
  return {
    'content-type': contentType,
    'content-disposition': `attachment; filename="${source.executionId ?? source.attemptId}.${extension}"`,
    'accept-ranges': isPinned && snapshot.lines <= MAX_LINES_FOR_RANGES ? 'bytes' : 'none',
    ...(pin !== undefined && { 'content-location': addressOf(pin, source, format) }),
  };
}

/** Relative, so that it also works behind a proxy that serves the hive under a prefix. */
function addressOf(until: string, { executionId }: LogSource, format: FileFormat): string {
  const query = new URLSearchParams({ until, format, ...(executionId !== undefined && { execution_id: executionId }) });
  return `download?${query.toString()}`;
}

/**
 * A log that grows answers with the whole file, because another one than before may be under the same address. With
 * If-Range the client has made sure that it is not.
 */
function wantsRange(request: Request, etag: string, isServed: boolean): boolean {
  if (request.method !== 'GET' || request.get('range') === undefined) return false;
  const condition = request.get('if-range');
  return condition === undefined ? isServed : condition === etag;
}

/**
 * @returns undefined if the whole file is to be sent
 * @throws ApiError range_not_satisfiable
 */
async function findRange(
  snapshot: LogSnapshot,
  etag: string,
  { format, index, request, recheck, gone }: DownloadOptions,
): Promise<ByteRange | undefined> {
  const makeFrom = (from: FilePlace) => fileParts(snapshot, { format, from, recheck });
  const total = await index.total(etag, makeFrom, gone);
  const last = lastBytes(request.get('range') ?? '', total);
  if (last) return last;
  const ranges = request.range(total);
  if (ranges === -1) {
    throw new ApiError('range_not_satisfiable', `the file has ${total} bytes`, {
      headers: { 'content-range': `bytes */${total}` },
    });
  }
  // several ranges would need a multipart answer, which no client that resumes asks for
  if (ranges === undefined || ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return undefined;
  return ranges[0] && { ...ranges[0], total };
}

/**
 * @returns the range that asks for so many bytes from the end; of a shorter file that is all of it (RFC 9110, 14.1.2),
 * which Express refuses
 */
function lastBytes(header: string, total: number): ByteRange | undefined {
  const [, digits] = /^bytes=-(\d+)$/.exec(header) ?? [];
  const length = Math.min(Number(digits ?? 0), total);
  return length > 0 ? { start: total - length, end: total - 1, total } : undefined;
}

async function sendWhole(snapshot: LogSnapshot, etag: string, compress: boolean, options: DownloadOptions) {
  const { format, index, request, response, recheck } = options;
  if (compress) response.set('content-encoding', 'gzip');
  if (request.method === 'HEAD') {
    response.status(200).end();
    return;
  }
  const parts = fileParts(snapshot, { format, from: FILE_START, recheck });
  await send(bytesOf(index.remember(etag, parts)), compress, options);
}

async function sendRange(snapshot: LogSnapshot, etag: string, range: ByteRange, options: DownloadOptions) {
  const { format, index, response, recheck } = options;
  const from = index.placeBefore(etag, range.start);
  response.status(206).set({
    'content-range': `bytes ${range.start}-${range.end}/${range.total}`,
    'content-length': String(range.end - range.start + 1),
  });
  const parts = bytesOf(index.remember(etag, fileParts(snapshot, { format, from, recheck })));
  await send(slice(parts, from.offset, range), false, options);
}

async function* bytesOf(parts: AsyncIterable<FilePart>): AsyncGenerator<Buffer> {
  for await (const { bytes } of parts) yield bytes;
}

/** @param offset where the parts begin */
async function* slice(parts: AsyncIterable<Buffer>, offset: number, { start, end }: ByteRange): AsyncGenerator<Buffer> {
  let at = offset;
  for await (const part of parts) {
    const piece = part.subarray(Math.max(0, start - at), Math.max(0, end + 1 - at));
    at += part.length;
    if (piece.length > 0) yield piece;
    if (at > end) return;
  }
}

/** Nothing of the answer is sent before its first part is there: until then an error is answered as usual. */
async function send(parts: AsyncGenerator<Buffer>, compress: boolean, { response }: DownloadOptions): Promise<void> {
  const first = await parts.next();
  response.setTimeout(STALL_MS, () => response.destroy());
  const all = startingWith(first, parts);
  try {
    if (compress) await pipeline(all, createGzip({ level: 1 }), response);
    else await pipeline(all, response);
  } catch (error) {
    if (!isPrematureClose(error)) throw error;
  }
}

async function* startingWith(
  first: IteratorResult<Buffer, void>,
  rest: AsyncGenerator<Buffer>,
): AsyncGenerator<Buffer> {
  if (!first.done) yield first.value;
  yield* rest;
}

/** The reader went away. */
function isPrematureClose(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE';
}
