/**
 * What a recorder leaves beside the store while it can't write to the store itself, so that lines never get lost
 * without a word. The file's space is reserved at the start: a full disk does not keep it from being overwritten.
 */
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { z } from 'zod';
import { runReason } from '../../protocol/frames.js';

const RESERVED_BYTES = 4096;

const attempt = z.object({
  id: z.string(),
  title: z.string().nullable(),
  sharedTaskId: z.string().nullable(),
  executor: z.string(),
  branch: z.string(),
  containerRef: z.string().nullable(),
  createdAt: z.string(),
});

const execution = z.object({
  id: z.string(),
  runReason,
  executorAction: z.string().nullable(),
  beforeHeadCommit: z.string().nullable(),
  pid: z.number().nullable(),
  startedAt: z.string(),
  recorder: z.object({ pid: z.number(), started: z.string() }),
});

const noteContent = z.object({
  /** Lines of the execution in the store when this was written: if it has more now, the note is outdated. */
  storedLines: z.number(),
  /** Why the store could not be written. */
  code: z.string(),
  /** Lines that were lost; null while the recorder still tries to store them. */
  lost: z.number().nullable(),
  end: z
    .object({
      status: z.enum(['completed', 'failed', 'killed']),
      exitCode: z.number().nullable(),
      afterHeadCommit: z.string().nullable(),
      completedAt: z.string(),
    })
    .nullable(),
  /** What is recorded, if the store has no row of it. */
  recording: z.object({ attempt, execution }).optional(),
});
export type NoteContent = z.infer<typeof noteContent>;

export class RecorderNote {
  readonly #path: string;
  #isReserved = false;
  #isBlank = true;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws Error if the disk refuses it */
  reserve(): void {
    this.#overwrite('w', '');
    this.#isReserved = true;
  }

  /** @throws Error if the note is longer than what was reserved and the disk is full */
  write(content: NoteContent): void {
    this.#isBlank = false;
    const text = JSON.stringify(content);
    if (this.#isReserved && Buffer.byteLength(text) <= RESERVED_BYTES) {
      this.#overwrite('r+', text);
      return;
    }
    const draft = `${this.#path}.new`;
    try {
      writeFileSync(draft, text, { mode: 0o600 });
      renameSync(draft, this.#path);
    } catch (error) {
      rmSync(draft, { force: true });
      throw error;
    }
    this.#isReserved = false;
  }

  /** Takes back what {@link write} said. */
  clear(): void {
    if (this.#isBlank) return;
    this.#overwrite(this.#isReserved ? 'r+' : 'w', '');
    this.#isReserved = true;
    this.#isBlank = true;
  }

  /** @returns undefined if there is no note; 'unreadable' if it was damaged, for example by a power cut */
  read(): NoteContent | 'unreadable' | undefined {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8').trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    if (text === '') return undefined;
    try {
      return noteContent.safeParse(JSON.parse(text)).data ?? 'unreadable';
    } catch {
      return 'unreadable';
    }
  }

  remove(): void {
    rmSync(this.#path, { force: true });
  }

  #overwrite(flags: 'w' | 'r+', text: string): void {
    const fd = openSync(this.#path, flags, 0o600);
    try {
      const padding = ' '.repeat(RESERVED_BYTES - Buffer.byteLength(text));
      if (writeSync(fd, `${text}${padding}`, 0) < RESERVED_BYTES) throw diskFull(this.#path);
    } finally {
      closeSync(fd);
    }
  }
}

function diskFull(path: string): Error {
  return Object.assign(new Error(`no space left for ${path}`), { code: 'ENOSPC' });
}
