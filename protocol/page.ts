/**
 * The log page: consecutive lines of one execution as gzip of NDJSON. The unit of transfer, storage and checksum.
 * A page is checked once, where it enters the hive; afterwards its bytes are passed on and stored as they came.
 */
import { isUtf8 } from 'node:buffer';
import { promisify } from 'node:util';
import { gunzip, gzip, type Gunzip, type ZlibOptions } from 'node:zlib';
import { MAX_LINE_BYTES, MAX_PAGE_GZIP_BYTES, MAX_PAGE_RAW_BYTES } from './limits.js';

const gzipAsync = promisify(gzip);

export const OUTPUT_TYPES = ['stdout', 'stderr', 'system'] as const;
export type OutputType = (typeof OUTPUT_TYPES)[number];

/** One line of an execution's log; its number (seq, from 1) is its place, not a field. */
export interface LogLine {
  output_type: OutputType;
  /** At most MAX_LINE_BYTES of UTF-8, without the line's end. */
  content: string;
  /** RFC 3339, UTC. */
  timestamp: string;
}

/** What a page's check found out. */
export interface PageContent {
  rawBytes: number;
  lineCounts: Record<OutputType, number>;
}

export type PageFault = 'too_large' | 'not_gzip' | 'not_utf8' | 'bad_line' | 'line_count';

/** A page that can't be stored. `message` names the line and field, never their content. */
export class PageError extends Error {
  override readonly name = 'PageError';
  constructor(
    readonly code: PageFault,
    message: string,
  ) {
    super(message);
  }
}

/** A line as it stands in a page, without the newline. */
export function encodeLine(line: LogLine): string {
  return JSON.stringify({ output_type: line.output_type, content: line.content, timestamp: line.timestamp });
}

/** Lines already encoded by {@link encodeLine} and joined by newlines, as a page's gzip bytes. */
export function encodePage(ndjson: string): Promise<Buffer> {
  return gzipAsync(Buffer.from(ndjson.endsWith('\n') ? ndjson : `${ndjson}\n`), { level: 1 });
}

/**
 * Checks a page that should hold the lines first_seq..last_seq.
 * @throws PageError saying what is wrong with it
 */
export async function checkPage(bytes: Buffer, firstSeq: number, lastSeq: number): Promise<PageContent> {
  return (await openPage(bytes, firstSeq, lastSeq)).content;
}

/** A page and the lines that it should hold. */
export interface NumberedPage {
  bytes: Buffer;
  firstSeq: number;
  lastSeq: number;
}

/**
 * Consecutive pages as one: each line as it stands, every page checked on the way.
 * @throws PageError saying what is wrong with one of them
 */
export async function joinPages(pages: NumberedPage[]): Promise<{ bytes: Buffer; content: PageContent }> {
  const texts: Buffer[] = [];
  const content: PageContent = { rawBytes: 0, lineCounts: { stdout: 0, stderr: 0, system: 0 } };
  for (const { bytes, firstSeq, lastSeq } of pages) {
    const page = await openPage(bytes, firstSeq, lastSeq);
    texts.push(page.raw);
    if (page.raw.at(-1) !== NEWLINE) texts.push(Buffer.of(NEWLINE));
    for (const type of OUTPUT_TYPES) content.lineCounts[type] += page.content.lineCounts[type];
  }
  const raw = Buffer.concat(texts);
  content.rawBytes = raw.length;
  return { bytes: await gzipAsync(raw), content };
}

const NEWLINE = 0x0a;

async function openPage(bytes: Buffer, firstSeq: number, lastSeq: number) {
  const raw = await gunzipPage(bytes);
  const lines = splitLines(raw);
  const expected = lastSeq - firstSeq + 1;
  if (lines.length !== expected) {
    throw new PageError(
      'line_count',
      `page says ${expected} lines (${firstSeq}..${lastSeq}) and holds ${lines.length}`,
    );
  }
  const lineCounts = { stdout: 0, stderr: 0, system: 0 };
  for (const [index, line] of lines.entries()) lineCounts[checkLine(line, firstSeq + index).output_type]++;
  return { raw, content: { rawBytes: raw.length, lineCounts } };
}

/**
 * The lines of a page that was checked when it was stored.
 * @throws PageError when the stored bytes are damaged
 */
export async function readPage(bytes: Buffer): Promise<LogLine[]> {
  return splitLines(await gunzipPage(bytes)).map((line, index) => checkLine(line, index + 1));
}

function gunzipPage(bytes: Buffer): Promise<Buffer> {
  if (bytes.length > MAX_PAGE_GZIP_BYTES) {
    throw new PageError('too_large', `page has ${bytes.length} bytes, more than ${MAX_PAGE_GZIP_BYTES}`);
  }
  return new Promise((resolve, reject) => {
    // With `info` the answer says how much of the input was used: bytes behind the stream would pass unseen otherwise.
    const options: ZlibOptions = { maxOutputLength: MAX_PAGE_RAW_BYTES, info: true };
    gunzip(bytes, options, (error, result) => {
      if (error) {
        reject(gunzipError(error));
        return;
      }
      const { buffer, engine } = result as unknown as { buffer: Buffer; engine: Gunzip };
      if (engine.bytesWritten !== bytes.length) reject(new PageError('not_gzip', 'bytes follow the gzip stream'));
      else if (!isUtf8(buffer)) reject(new PageError('not_utf8', 'page is not UTF-8'));
      else resolve(buffer);
    });
  });
}

function gunzipError(error: NodeJS.ErrnoException): PageError {
  return error.code === 'ERR_BUFFER_TOO_LARGE'
    ? new PageError('too_large', `page has more than ${MAX_PAGE_RAW_BYTES} bytes after gunzip`)
    : new PageError('not_gzip', `page can't be gunzipped (${error.code ?? 'unknown error'})`);
}

function splitLines(raw: Buffer): string[] {
  const lines = raw.toString('utf8').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

const TIMESTAMP = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;

// Hand-written rather than a zod schema: it runs for every line that enters the hive.
function checkLine(text: string, seq: number): LogLine {
  let line: Partial<Record<keyof LogLine, unknown>> | null;
  try {
    line = JSON.parse(text) as typeof line;
  } catch {
    throw new PageError('bad_line', `line ${seq} is not JSON`); // the parser's message would quote its input
  }
  if (typeof line !== 'object' || line === null) throw new PageError('bad_line', `line ${seq} is not an object`);
  const { output_type: outputType, content, timestamp } = line;
  if (outputType !== 'stdout' && outputType !== 'stderr' && outputType !== 'system') {
    throw new PageError('bad_line', `line ${seq}: output_type must be one of ${OUTPUT_TYPES.join(', ')}`);
  }
  if (typeof content !== 'string') throw new PageError('bad_line', `line ${seq}: content must be a string`);
  if (content.length * 3 > MAX_LINE_BYTES && Buffer.byteLength(content) > MAX_LINE_BYTES) {
    throw new PageError('bad_line', `line ${seq}: content has more than ${MAX_LINE_BYTES} bytes`);
  }
  if (typeof timestamp !== 'string' || !TIMESTAMP.test(timestamp)) {
    throw new PageError('bad_line', `line ${seq}: timestamp must be an RFC 3339 time`);
  }
  return { output_type: outputType, content, timestamp };
}
