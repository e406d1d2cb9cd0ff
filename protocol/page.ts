/**
 * The log page: consecutive lines of one execution as gzip of NDJSON. The unit of transfer, storage and checksum.
 * A page is checked once, when it enters the hive; after that its gzip is stored and passed on unchanged.
 */
import { isUtf8 } from 'node:buffer';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { MAX_PAGE_GZIP_BYTES, MAX_PAGE_RAW_BYTES, PAGE_TARGET_RAW_BYTES } from './limits.js';
import { OUTPUT_TYPES, PageError } from './page-line.js';
import { checkLines, readLines, type EncodedLine, type LineCounts, type WantedLines } from './page-lines.js';
import { NEWLINE } from './usual-line.js';

export { encodeAround, encodeLine, OUTPUT_TYPES, PageError, parseLine, splitContent } from './page-line.js';
export type { LogLine, OutputType } from './page-line.js';
export type { EncodedLine, WantedLines } from './page-lines.js';

// zlib itself is touched only when it is needed: a node's `run` does not wait for it
const gzipAsync = (raw: Buffer, options: zlib.ZlibOptions = {}) => promisify(zlib.gzip)(raw, options);
const gunzipAsync = (gzip: Buffer, options: zlib.ZlibOptions = {}) => promisify(zlib.gunzip)(gzip, options);

/** What the check of a page found. */
export interface PageContent {
  rawBytes: number;
  lineCounts: LineCounts;
}

const FEW_BYTES = 1024;
/** Below this, handing the work to zlib's threads costs more than the work. */
const SMALL_RAW_BYTES = 32 * 1024;
/**
 * A page is made once, read often and kept for years. Level 4 takes 1.5 times as long as level 1, and saves a tenth.
 */
const GZIP_LEVEL = 4;

/** @param ndjson lines encoded by {@link encodeLine} and joined by newlines. @returns the page's gzip */
export async function encodePage(ndjson: string | Buffer): Promise<Buffer> {
  const raw = endedByNewline(ndjson);
  return raw.length <= SMALL_RAW_BYTES ? zlib.gzipSync(raw, gzipOptions(raw)) : gzipAsync(raw, gzipOptions(raw));
}

/** Like {@link encodePage}, but synchronous. */
export function encodePageSync(ndjson: string | Buffer): Buffer {
  const raw = endedByNewline(ndjson);
  return zlib.gzipSync(raw, gzipOptions(raw));
}

function gzipOptions(raw: Buffer): zlib.ZlibOptions {
  return { level: GZIP_LEVEL, chunkSize: inOnePiece(raw.length / 2) };
}

/** A chunk size at which a usual page leaves zlib in one piece: each further piece costs a turn of the event loop. */
function inOnePiece(bytes: number): number {
  return Math.ceil(Math.min(bytes, PAGE_TARGET_RAW_BYTES)) + FEW_BYTES;
}

function endedByNewline(ndjson: string | Buffer): Buffer {
  if (typeof ndjson === 'string') return Buffer.from(ndjson.endsWith('\n') ? ndjson : `${ndjson}\n`);
  return ndjson.at(-1) === NEWLINE ? ndjson : Buffer.concat([ndjson, Buffer.of(NEWLINE)]);
}

/**
 * Checks a page that should contain the lines firstSeq..lastSeq.
 * @throws PageError saying what is wrong with it
 */
export async function checkPage(gzip: Buffer, firstSeq: number, lastSeq: number): Promise<PageContent> {
  const raw = await gunzipPage(gzip);
  return { rawBytes: raw.length, lineCounts: checkLines(raw, firstSeq, lastSeq - firstSeq + 1) };
}

export type CheckPage = typeof checkPage;

/** Like {@link checkPage}, but synchronous. */
export function checkPageSync(gzip: Buffer, firstSeq: number, lastSeq: number): PageContent {
  const raw = gunzipPageSync(gzip);
  return { rawBytes: raw.length, lineCounts: checkLines(raw, firstSeq, lastSeq - firstSeq + 1) };
}

/** A page and the lines that it should contain. */
export interface NumberedPage {
  gzip: Buffer;
  firstSeq: number;
  lastSeq: number;
}

/**
 * Joins consecutive pages into one. The lines stay as they are, and every page is checked.
 * @throws PageError saying what is wrong with one of them
 */
export async function joinPages(pages: NumberedPage[]): Promise<{ gzip: Buffer; content: PageContent }> {
  const texts: Buffer[] = [];
  const content: PageContent = { rawBytes: 0, lineCounts: { stdout: 0, stderr: 0, system: 0 } };
  for (const { gzip, firstSeq, lastSeq } of pages) {
    const page = await gunzipPage(gzip);
    const lineCounts = checkLines(page, firstSeq, lastSeq - firstSeq + 1);
    texts.push(endedByNewline(page));
    for (const type of OUTPUT_TYPES) content.lineCounts[type] += lineCounts[type];
  }
  const raw = Buffer.concat(texts);
  content.rawBytes = raw.length;
  return { gzip: await gzipAsync(raw), content };
}

/**
 * Reads lines of a page that was checked when it was stored.
 * @throws PageError if the stored gzip is damaged, or if its lines are not those that it should contain
 */
export async function readPage({ gzip, firstSeq, lastSeq }: NumberedPage, wanted: WantedLines): Promise<EncodedLine[]> {
  return readLines(await gunzipPage(gzip), firstSeq, lastSeq - firstSeq + 1, wanted);
}

/**
 * @returns the page's NDJSON
 * @throws PageError `too_large`, `not_gzip` or `not_utf8`
 */
async function gunzipPage(gzip: Buffer): Promise<Buffer> {
  const options = gunzipOptions(gzip);
  if (statedSize(gzip) <= SMALL_RAW_BYTES && gzip.length <= SMALL_RAW_BYTES) {
    const small = gunzipSmall(gzip, options);
    if (small) return small;
  }
  const result = await gunzipAsync(gzip, options).catch((error: unknown) => {
    throw gunzipError(error as NodeJS.ErrnoException);
  });
  return wholePage(gzip, result);
}

/** @returns the page's NDJSON; undefined if it is larger than the gzip says */
function gunzipSmall(gzip: Buffer, options: zlib.ZlibOptions): Buffer | undefined {
  let result: Buffer;
  try {
    result = zlib.gunzipSync(gzip, { ...options, maxOutputLength: SMALL_RAW_BYTES });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw gunzipError(error as NodeJS.ErrnoException);
  }
  return wholePage(gzip, result);
}

/** Like {@link gunzipPage}, but synchronous. */
export function gunzipPageSync(gzip: Buffer): Buffer {
  const options = gunzipOptions(gzip);
  let result: Buffer;
  try {
    result = zlib.gunzipSync(gzip, options);
  } catch (error) {
    throw gunzipError(error as NodeJS.ErrnoException);
  }
  return wholePage(gzip, result);
}

function gunzipOptions(gzip: Buffer): zlib.ZlibOptions {
  if (gzip.length > MAX_PAGE_GZIP_BYTES) {
    throw new PageError('too_large', `page has ${gzip.length} bytes, more than ${MAX_PAGE_GZIP_BYTES}`);
  }
  const chunkSize = inOnePiece(statedSize(gzip));
  // With `info`, zlib also says how much of the input it used. Otherwise bytes after the stream would go unnoticed.
  return { maxOutputLength: MAX_PAGE_RAW_BYTES, chunkSize, info: true };
}

/** @returns the size after gunzip that gzip's trailer states, true or not */
function statedSize(gzip: Buffer): number {
  return gzip.length >= 4 ? gzip.readUInt32LE(gzip.length - 4) : 0;
}

/** @returns the page's NDJSON, out of what zlib returns with `info`, which its types do not declare */
function wholePage(gzip: Buffer, result: Buffer): Buffer {
  const { buffer, engine } = result as unknown as { buffer: Buffer; engine: zlib.Gunzip };
  if (engine.bytesWritten !== gzip.length) throw new PageError('not_gzip', 'bytes follow the gzip stream');
  if (!isUtf8(buffer)) throw new PageError('not_utf8', 'page is not UTF-8');
  return buffer;
}

function gunzipError(error: NodeJS.ErrnoException): PageError {
  return error.code === 'ERR_BUFFER_TOO_LARGE'
    ? new PageError('too_large', `page has more than ${MAX_PAGE_RAW_BYTES} bytes after gunzip`)
    : new PageError('not_gzip', `page can't be gunzipped (${error.code ?? 'unknown error'})`);
}
