/** The bytes of a log as a file, from its beginning or from a place in it, a few pages at a time. */
import { LineJoiner } from '../../protocol/line-joiner.js';
import type { LogLine } from '../../protocol/page.js';
import { ApiError } from '../problem.js';
import type { Recheck } from '../recheck.js';
import { LOG_START, type ForwardCursor } from './cursor.js';
import { readFrom } from './log-reader.js';
import { isUnchanged, type LogSnapshot } from './log-snapshot.js';
import type { LogSegment } from './read-forward.js';

export type FileFormat = 'text' | 'ndjson';

/** Makes the file's text of entries, as they come. */
interface Formatter {
  /** Whether nothing is kept back. */
  readonly isIdle: boolean;
  format(segment: LogSegment): string;
  /** @returns what has been kept back */
  end(): string;
}

const FORMATTERS: Record<FileFormat, () => Formatter> = { text: textOf, ndjson: ndjsonOf };
const BATCH = { limit: 5_000, maxCharacters: 2 * 1024 * 1024 };

/** A byte of the file, and where the log has to be read from to get there. */
export interface FilePlace {
  offset: number;
  cursor: ForwardCursor;
}

export const FILE_START: FilePlace = { offset: 0, cursor: LOG_START };

export interface FilePart {
  bytes: Buffer;
  /** Behind the part, if the file can be read from there. */
  place: FilePlace | undefined;
  /** The size of the whole file, with its last part. */
  total: number | undefined;
}

/**
 * @throws ApiError log_damaged, or unauthenticated if the credential is no longer valid; `conflict` at the end if the log
 * was replaced meanwhile
 */
export async function* fileParts(
  snapshot: LogSnapshot,
  { format, from, recheck }: { format: FileFormat; from: FilePlace; recheck: Recheck },
): AsyncGenerator<FilePart> {
  const { scope, attemptId, executionId } = snapshot.source;
  const options = { filter: { executionId }, until: snapshot.until, ...BATCH };
  const formatter = FORMATTERS[format]();
  let { offset, cursor } = from;
  for (;;) {
    await recheck.require();
    const read = await readFrom(scope, attemptId, cursor, options);
    const text = read.segments.map((segment) => formatter.format(segment)).join('');
    if (!read.hasMore && !(await isUnchanged(snapshot))) {
      throw new ApiError('conflict', 'the log was replaced while it was read; begin again');
    }
    const bytes = Buffer.from(read.hasMore ? text : text + formatter.end());
    offset += bytes.length;
    cursor = read.cursor;
    yield {
      bytes,
      place: formatter.isIdle ? { offset, cursor } : undefined,
      total: read.hasMore ? undefined : offset,
    };
    if (!read.hasMore) return;
  }
}

/** The text as it was printed: partial entries are joined. */
function textOf(): Formatter {
  const joiner = new LineJoiner();
  return {
    get isIdle() {
      return joiner.isIdle;
    },
    format({ ordinal, entries, hasEnded }) {
      const text = entries.map(({ json }) => joiner.add(ordinal, JSON.parse(json) as LogLine)).join('');
      return hasEnded ? text + joiner.end(ordinal) : text;
    },
    end: () => joiner.end(),
  };
}

/** The entries as they are. */
function ndjsonOf(): Formatter {
  return {
    isIdle: true,
    format: ({ entries }) => entries.map(({ json }) => `${json}\n`).join(''),
    end: () => '',
  };
}
