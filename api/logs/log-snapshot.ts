/** One state of a growing log, which is what a download has: lines that come later change nothing about it. */
import { createHash } from 'node:crypto';
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import { findLogSnapshot, type LogSnapshotRow } from '../../prisma/queries/log-snapshot.js';
import { invalidCursor, notFound } from '../problem.js';
import { decodeCursor, encodeCursor, isForwardCursor, MAX_LISTED_EXECUTIONS, type ForwardCursor } from './cursor.js';
import { mayGrow } from './log-reader.js';

/** To be raised when the same lines make other bytes. */
const FORM = 1;

export interface LogSource {
  scope: OrganizationScope;
  attemptId: string;
  executionId: string | undefined;
}

export interface LogSnapshot {
  source: LogSource;
  until: ForwardCursor;
  lines: number;
  /** Differs if any of its lines differ. */
  version: string;
  /** Nothing will come after it. */
  isFinal: boolean;
}

/**
 * @param until an earlier snapshot's end, to have that again. @default what is stored now
 * @throws ApiError not_found, invalid_cursor
 */
export async function takeSnapshot(source: LogSource, until?: string): Promise<LogSnapshot> {
  const bounds = until === undefined ? undefined : decodeUntil(until);
  const row = await find(source, bounds);
  return {
    source,
    until: bounds ?? endOf(row, source),
    lines: Number(row.lines),
    version: row.version,
    isFinal: !mayGrow(row),
  };
}

/** @returns whether what is stored still is what it was: the node may have replaced it, or somebody deleted it */
export async function isUnchanged({ source, until, version }: LogSnapshot): Promise<boolean> {
  return (await find(source, until)).version === version;
}

/** @returns the text that {@link takeSnapshot} takes; undefined if it would be too long for an address */
export function encodeUntil({ until }: LogSnapshot): string | undefined {
  return until.positions.size > MAX_LISTED_EXECUTIONS ? undefined : encodeCursor(until);
}

/** @returns a strong entity tag of what is made of the snapshot in this form */
export function entityTag({ version }: LogSnapshot, form: string): string {
  const hash = createHash('sha256').update(JSON.stringify([FORM, form, version]));
  return `"${hash.digest('base64url').slice(0, 22)}"`;
}

async function find({ scope, attemptId, executionId }: LogSource, bounds?: ForwardCursor): Promise<LogSnapshotRow> {
  const row = await findLogSnapshot(scope, attemptId, executionId, bounds);
  if (!row) throw notFound('task attempt');
  if (executionId !== undefined && row.executions === 0) throw notFound('execution');
  return row;
}

function endOf({ through, ordinals, storedLines }: LogSnapshotRow, { executionId }: LogSource): ForwardCursor {
  const positions = new Map(ordinals.map((ordinal, index) => [ordinal, storedLines[index] ?? 0]));
  return { through: executionId === undefined ? through : 0, positions };
}

function decodeUntil(text: string): ForwardCursor {
  const place = { in: 'query', field: 'until' } as const;
  const cursor = ((): ForwardCursor | undefined => {
    try {
      const decoded = decodeCursor(text);
      return isForwardCursor(decoded) ? decoded : undefined;
    } catch {
      return undefined;
    }
  })();
  if (!cursor) throw invalidCursor('is not from the Content-Location of a download', place);
  return cursor;
}
