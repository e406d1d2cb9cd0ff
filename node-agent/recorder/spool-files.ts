/** Where the spools are: numbered segments of each execution, beside its lock. */
import { closeSync, fstatSync, openSync, readdirSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { RECORDERS_DIRECTORY } from '../store/recorder-lock.js';
import { decodeHeader, FRAME_KINDS, HEADER_BYTES } from './spool-frames.js';

/** A place in a spool. */
export interface SpoolPosition {
  segment: number;
  /** In bytes. */
  offset: number;
}

export function segmentPath(dataDir: string, executionId: string, segment: number): string {
  return join(dataDir, RECORDERS_DIRECTORY, `${executionId}.${segment}.spool`);
}

/** @returns the numbers of the segments that there are, ascending */
export function segmentsOf(dataDir: string, executionId: string): number[] {
  const prefix = `${executionId}.`;
  return spoolNames(dataDir)
    .filter((name) => name.startsWith(prefix))
    .map((name) => Number(name.slice(prefix.length, -'.spool'.length)))
    .sort((a, b) => a - b);
}

/** @returns the size of what follows `position`, in bytes */
export function spoolBytes(dataDir: string, executionId: string, position: SpoolPosition = { segment: 0, offset: 0 }) {
  let bytes = 0;
  for (const segment of segmentsOf(dataDir, executionId)) {
    if (segment < position.segment) continue;
    const size = statSync(segmentPath(dataDir, executionId, segment), { throwIfNoEntry: false })?.size ?? 0;
    bytes += Math.max(0, size - (segment === position.segment ? position.offset : 0));
  }
  return bytes;
}

export function removeSpool(dataDir: string, executionId: string): void {
  for (const segment of segmentsOf(dataDir, executionId)) {
    rmSync(segmentPath(dataDir, executionId, segment), { force: true });
  }
}

/** Of a spool that cannot be read at all: nothing deletes it, and nobody looks at it again by itself. */
export const DAMAGED_SPOOL = '.spool.damaged';

/** Renames a spool, so that a person can look at it. @returns the names of its files in the store's directory */
export function setSpoolAside(dataDir: string, executionId: string): string[] {
  return segmentsOf(dataDir, executionId).map((segment) => {
    const path = segmentPath(dataDir, executionId, segment);
    const aside = path.replace(/\.spool$/, DAMAGED_SPOOL);
    renameSync(path, aside);
    return relative(dataDir, aside);
  });
}

/** @returns the ids of the executions whose output is in a spool up to its end, which means: only absorbing is left */
export function endedSpools(dataDir: string): string[] {
  const ids = new Set(spoolNames(dataDir).map((name) => name.slice(0, 36)));
  return [...ids].filter((id) => {
    const last = segmentsOf(dataDir, id).at(-1);
    return last !== undefined && endsWithEnd(segmentPath(dataDir, id, last));
  });
}

/** More than an end's frame takes up. */
const TAIL_BYTES = 8192;
const END_MARK = Buffer.from([FRAME_KINDS.indexOf('end'), ...Buffer.from('HSP')]);

function endsWithEnd(path: string): boolean {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const { size } = fstatSync(fd);
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
    readSync(fd, tail, 0, tail.length, size - tail.length);
    const at = tail.lastIndexOf(END_MARK);
    if (at < 0 || at + HEADER_BYTES > tail.length) return false;
    return at + HEADER_BYTES + (decodeHeader(tail, at)?.length ?? 0) === tail.length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false; // it has been absorbed meanwhile
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function spoolNames(dataDir: string): string[] {
  try {
    return readdirSync(join(dataDir, RECORDERS_DIRECTORY)).filter((name) => /^[0-9a-f-]{36}\.\d+\.spool$/.test(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
