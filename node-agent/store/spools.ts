/** How far an execution's spool is in the store. */
import type { Store } from './open.js';
import { DELETE_SPOOL, PUT_SPOOL, SELECT_SPOOL } from './sql.js';

export interface SpoolState {
  /** Of the next frame. */
  segment: number;
  offset: number;
  /** Output before it that is in no line yet. */
  stdout: Buffer;
  stderr: Buffer;
}

interface SpoolRow {
  segment: number;
  position: number;
  stdout: Uint8Array;
  stderr: Uint8Array;
}

/** @returns undefined if nothing of a spool is in the store */
export function spoolState(store: Store, executionKey: number): SpoolState | undefined {
  const row = store.prepare<SpoolRow>(SELECT_SPOOL).get(executionKey);
  if (!row) return undefined;
  const { segment, position: offset, stdout, stderr } = row;
  return { segment, offset, stdout: Buffer.from(stdout), stderr: Buffer.from(stderr) };
}

/** To be called in the write transaction that stores the lines up to there. */
export function putSpoolState(store: Store, executionKey: number, state: SpoolState): void {
  const { segment, offset, stdout, stderr } = state;
  store.prepare(PUT_SPOOL).run(executionKey, segment, offset, stdout, stderr);
}

/** To be called in the write transaction that ends the execution. */
export function forgetSpool(store: Store, executionKey: number): void {
  store.prepare(DELETE_SPOOL).run(executionKey);
}
