/** Where a search in all attempts goes on: base64url of a JSON list. */
import { z } from 'zod';
import { invalidCursor } from '../problem.js';

export interface AllPlace {
  /** The newest attempt of the search's first answer: later ones are not part of it. */
  newest: bigint;
  /** The attempt to go on with. It has been looked at up to a line, or if there is none, wholly. */
  arrival: bigint;
  line?: { ordinal: number; seq: number } | undefined;
}

const arrival = z
  .string()
  .regex(/^\d{1,19}$/)
  .transform(BigInt)
  .refine((number) => number < 2n ** 63n);
const positive = z
  .int()
  .min(1)
  .max(2 ** 31 - 1);
const place = z.union([
  z.tuple([z.literal('all'), arrival, arrival]),
  z.tuple([z.literal('all'), arrival, arrival, positive, positive]),
]);

export function encodeAllCursor({ newest, arrival: at, line }: AllPlace): string {
  const list = ['all', String(newest), String(at), ...(line ? [line.ordinal, line.seq] : [])];
  return Buffer.from(JSON.stringify(list)).toString('base64url');
}

/** @throws ApiError invalid_cursor */
export function decodeAllCursor(cursor: string): AllPlace {
  let list: unknown;
  try {
    list = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    throw invalidCursor();
  }
  const parsed = place.safeParse(list);
  if (!parsed.success) throw invalidCursor();
  const [, newest, at, ordinal, seq] = parsed.data;
  return { newest, arrival: at, ...(ordinal !== undefined && seq !== undefined && { line: { ordinal, seq } }) };
}
