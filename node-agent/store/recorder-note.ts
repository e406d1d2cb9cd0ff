/**
 * What a recorder leaves beside the store while it can't write to the store itself, so that lines never get lost
 * without a word. The file's space is reserved at the start: a full disk does not keep it from being overwritten.
 */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { NodeAgentError } from '../errors.js';
import { replaceFile } from './private-file.js';
import type { ExecutionEnd, NewAttempt, NewExecution } from './recorded.js';

const RESERVED_BYTES = 4096;

export interface NoteContent {
  /**
   * How much was recorded when this was written: if there is more now, the note is outdated. Where the spool ended, or,
   * of recorders that had none, how many lines the store had.
   */
  spooled?: { segment: number; offset: number } | null;
  storedLines?: number;
  /** Why nothing could be written. */
  code: string;
  /** Lines that were lost; null while the recorder still tries to store them. */
  lost: number | null;
  end: ExecutionEnd | null;
  /** What is recorded, if nothing else says it. */
  recording?: { attempt: NewAttempt; execution: NewExecution };
}

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
    replaceFile(this.#path, text);
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
      return checkedNote(JSON.parse(text));
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

/** By hand, because loading zod would delay every command. @throws Error if it is not a note */
function checkedNote(note: unknown): NoteContent {
  const { code, lost, end, storedLines, spooled, recording } = record(note);
  const isNote =
    typeof code === 'string' &&
    (lost === null || typeof lost === 'number') &&
    (end === null || typeof record(end)['completedAt'] === 'string') &&
    (typeof storedLines === 'number' || spooled === null || typeof record(spooled)['offset'] === 'number') &&
    (recording === undefined || typeof record(record(recording)['execution'])['id'] === 'string');
  if (!isNote) throw new NodeAgentError('store', 'the note of a recorder is damaged');
  return note as NoteContent;
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null)
    throw new NodeAgentError('store', 'the note of a recorder is damaged');
  return value as Record<string, unknown>;
}

function diskFull(path: string): Error {
  return Object.assign(new Error(`no space left for ${path}`), { code: 'ENOSPC' });
}
