/**
 * A backup's file: a first line, then frames of u32 big-endian length, one byte of kind and content, and in the end the
 * SHA-256 of all before it. It is written and read as a stream.
 */
import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { BackupError } from './errors.js';

const NAME = 'HIVESYNC-BACKUP ';
const MAGIC = Buffer.from(`${NAME}1\n`);
const HEAD_BYTES = 5;
const HASH_BYTES = 32;
const READ_BYTES = 1024 * 1024;
const MAX_FRAME_BYTES = 64 * 1024 * 1024;

const tableShape = z.object({ name: z.string(), columns: z.array(z.string()) });
const header = z.object({
  createdAt: z.string(),
  hiveVersion: z.string(),
  postgresVersion: z.string(),
  /** The name in Temporal of the installation that the database belongs to; null if no hive has run on it. */
  installation: z.string().nullable(),
  migrations: z.array(z.object({ name: z.string(), checksum: z.string() })),
  tables: z.array(tableShape),
});
const end = z.object({
  rows: z.record(z.string(), z.int()),
  sequences: z.array(z.object({ name: z.string(), lastValue: z.string().regex(/^\d+$/) })),
});

export type BackupHeader = z.infer<typeof header>;
export type BackupEnd = z.infer<typeof end>;

/** Header, table, data, end, SHA-256. */
type Kind = 'H' | 'T' | 'D' | 'E' | 'S';

export type Frame =
  | { kind: 'header'; header: BackupHeader }
  /** The data of this table follows. */
  | { kind: 'table'; name: string }
  | { kind: 'data'; bytes: Buffer }
  | { kind: 'end'; end: BackupEnd };

/** Writes a backup's frames to a file. */
export class BackupWriter {
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash('sha256');
  bytes = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async start(file: FileHandle, content: BackupHeader): Promise<BackupWriter> {
    const writer = new BackupWriter(file);
    await writer.#write(MAGIC);
    await writer.#frame('H', JSON.stringify(content));
    return writer;
  }

  table(name: string): Promise<void> {
    return this.#frame('T', name);
  }

  data(bytes: Buffer): Promise<void> {
    return this.#frame('D', bytes);
  }

  /** Writes the end, and waits until the disk has it all. */
  async end(content: BackupEnd): Promise<void> {
    await this.#frame('E', JSON.stringify(content));
    await this.#write(head('S', HASH_BYTES));
    await this.#write(this.#hash.digest(), false);
    await this.#file.sync();
  }

  async #frame(kind: Kind, content: string | Buffer): Promise<void> {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    await this.#write(Buffer.concat([head(kind, bytes.length), bytes]));
  }

  async #write(bytes: Buffer, isHashed = true): Promise<void> {
    if (isHashed) this.#hash.update(bytes);
    for (let done = 0; done < bytes.length;) done += (await this.#file.write(bytes, done)).bytesWritten;
    this.bytes += bytes.length;
  }
}

function head(kind: Kind, length: number): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES);
  bytes.writeUInt32BE(length);
  bytes.write(kind, 4);
  return bytes;
}

/**
 * Reads a backup from its start to its end, in bounded memory.
 * @param path for messages
 * @throws BackupError if the file is no backup, is cut short, has changed, or goes on behind its end: only who has read
 *   all of it knows that it is sound
 */
export async function* readBackup(file: FileHandle, path: string): AsyncGenerator<Frame, void> {
  const source = new Source(file, path);
  const magic = await source.take(MAGIC.length);
  if (!magic.equals(MAGIC)) {
    const isOther = magic.toString('latin1').startsWith(NAME);
    throw isOther
      ? new BackupError('newer', `${path} has a format that a newer hivesync made: restore it with that version`)
      : damaged(path, 'it is no backup of a hive');
  }
  for (;;) {
    const start = await source.take(HEAD_BYTES);
    const length = start.readUInt32BE();
    const kind = start.toString('latin1', 4);
    if (kind === 'S') {
      const expected = source.digest();
      const isSame = length === HASH_BYTES && (await source.take(HASH_BYTES)).equals(expected);
      if (!isSame) throw damaged(path, 'its checksum does not match');
      if (!(await source.isAtEnd())) throw damaged(path, 'something follows its end');
      return;
    }
    if (length > MAX_FRAME_BYTES) throw damaged(path, 'a part of it is too long');
    yield parse(kind, await source.take(length), path);
  }
}

function parse(kind: string, content: Buffer, path: string): Frame {
  if (kind === 'D') return { kind: 'data', bytes: content };
  const text = content.toString();
  try {
    if (kind === 'T') return { kind: 'table', name: text };
    if (kind === 'H') return { kind: 'header', header: header.parse(JSON.parse(text)) };
    if (kind === 'E') return { kind: 'end', end: end.parse(JSON.parse(text)) };
  } catch (error) {
    throw damaged(path, 'a part of it has another form', error);
  }
  throw damaged(path, 'a part of it is of an unknown kind');
}

function damaged(path: string, why: string, cause?: unknown): BackupError {
  return new BackupError('damaged', `${path} is damaged: ${why}; nothing was changed`, { cause });
}

/** A file, read in large pieces and hashed on the way. */
class Source {
  readonly #file: FileHandle;
  readonly #path: string;
  #hash: Hash | undefined = createHash('sha256');
  #rest: Buffer = Buffer.alloc(0);

  constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  async take(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let missing = length; missing > 0;) {
      if (this.#rest.length === 0 && !(await this.#fill())) throw damaged(this.#path, 'it is cut short');
      const part = this.#rest.subarray(0, missing);
      this.#rest = this.#rest.subarray(part.length);
      missing -= part.length;
      parts.push(part);
    }
    const [only] = parts;
    const bytes = parts.length === 1 && only ? only : Buffer.concat(parts);
    this.#hash?.update(bytes);
    return bytes;
  }

  /** @returns the hash of all that was taken so far; what comes later is not hashed */
  digest(): Buffer {
    const digest = this.#hash?.digest() ?? Buffer.alloc(0);
    this.#hash = undefined;
    return digest;
  }

  async isAtEnd(): Promise<boolean> {
    return this.#rest.length === 0 && !(await this.#fill());
  }

  async #fill(): Promise<boolean> {
    const { bytesRead, buffer } = await this.#file.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES);
    this.#rest = buffer.subarray(0, bytesRead);
    return bytesRead > 0;
  }
}
