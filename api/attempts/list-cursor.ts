/** The cursor of a list of attempts: base64url of a JSON list that says the order, and the last attempt's place in it. */
import { z } from 'zod';
import type { AttemptOrder, AttemptPosition, ListedAttemptRow } from '../../prisma/queries/list-attempts.js';
import { toTimestamp } from '../../protocol/time.js';
import { uuid } from '../../protocol/uuid.js';
import { invalidCursor } from '../problem.js';

const LARGEST = 2n ** 63n - 1n;

const number = z
  .string()
  .regex(/^\d{1,19}$/)
  .transform(BigInt)
  .refine((value) => value <= LARGEST);
const createdAt = z.iso.datetime().transform(toTimestamp);
const position = z.union([
  z.tuple([z.literal('arrived'), number]).transform(([order, arrival]) => ({ order, arrival })),
  z.tuple([z.literal('changed'), number]).transform(([order, at]) => ({ order, position: at })),
  z.tuple([z.literal('created'), createdAt, uuid]).transform(([order, at, id]) => ({ order, createdAt: at, id })),
  // given by a hive that knew no other order
  z.tuple([createdAt, uuid]).transform(([at, id]) => ({ order: 'created' as const, createdAt: at, id })),
]);

export function encodeListCursor(order: AttemptOrder, row: ListedAttemptRow): string {
  return Buffer.from(JSON.stringify([order, ...placeOf(order, row)])).toString('base64url');
}

function placeOf(order: AttemptOrder, row: ListedAttemptRow): string[] {
  if (order === 'created') return [row.createdAtText, row.id];
  return [String(order === 'arrived' ? row.arrival : row.position)];
}

/**
 * @param order what the request asks for; undefined if it leaves that to the cursor
 * @throws ApiError invalid_cursor
 */
export function decodeListCursor(cursor: string, order: AttemptOrder | undefined): AttemptPosition {
  const decoded = decode(cursor);
  if (order !== undefined && order !== decoded.order) throw invalidCursor(`was given for order=${decoded.order}`);
  return decoded;
}

function decode(cursor: string): AttemptPosition {
  try {
    return position.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch {
    throw invalidCursor();
  }
}
