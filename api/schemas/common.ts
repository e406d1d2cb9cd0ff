import { z } from 'zod';
import { uuid } from '../../protocol/uuid.js';
import { PROBLEM_CODES } from '../problem.js';

export const time = z.string().meta({ format: 'date-time', description: 'RFC 3339, UTC' });
export const nullableTime = time.nullable();
/** @returns the time as RFC 3339 in UTC; null if there is none */
export const iso = (date: Date | null): string | null => date?.toISOString() ?? null;

export const count = z.int().min(0);

const LARGEST_POSITION = 2n ** 63n - 1n;

/** A position in the feed, in the query string or a header. */
export const position = z
  .string()
  .regex(/^\d{1,19}$/, 'must be a position')
  .transform(BigInt)
  .refine((value) => value <= LARGEST_POSITION, 'must be a position')
  .meta({ type: 'string' });

/** Text that PostgreSQL can store and that is the same when it comes back: no U+0000, no half of a surrogate pair. */
export const storedText = (max: number) =>
  z
    .string()
    .max(max)
    .refine((text) => !text.includes('\0') && text.isWellFormed(), {
      error: 'must not contain U+0000 or a lone surrogate',
    });

/**
 * Clients of the original hive say which organisation they mean. Wherever a route accepts this field, the API itself
 * requires it to be the caller's own.
 */
export const organizationId = uuid.optional().meta({
  description: 'Not needed: a credential belongs to one organisation. If it is given, it must be that one.',
});

export const organizationQuery = z.strictObject({ organization_id: organizationId });

/** The query of the original's own routes, which ignore whatever they do not know. */
export const originalQuery = z.object({ organization_id: organizationId });

/** A whole number in the query string. */
export function queryInteger(min: number, max: number, description: string) {
  return z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`))
    .meta({ type: 'integer', minimum: min, maximum: max, description });
}

export const pageLimit = (max: number) => queryInteger(1, max, 'The maximum number of items in one response.');

export const problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(PROBLEM_CODES),
    error: z
      .string()
      .meta({ description: 'The same as `detail`, for clients of the original hive, which read this member.' }),
    request_id: z.string().nullable(),
    errors: z
      .array(
        z.strictObject({
          in: z.enum(['path', 'query', 'body', 'header']),
          field: z.string(),
          message: z.string(),
        }),
      )
      .optional(),
  })
  .meta({ id: 'Problem', description: 'An error (RFC 9457).' });
