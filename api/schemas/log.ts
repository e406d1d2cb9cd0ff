import { z } from 'zod';
import { OUTPUT_TYPES } from '../../protocol/page.js';
import { count, originalQuery, pageLimit, time } from './common.js';
import { uuid } from '../../protocol/uuid.js';

/** In one response. */
const MAX_ENTRIES = 10_000;

const outputType = z.enum(OUTPUT_TYPES);
const cursor = z.string().min(1).max(15_000);

export const logEntry = z
  .strictObject({
    id: z.int().meta({ description: 'Orders an attempt’s entries by execution, then by line.' }),
    execution_id: uuid,
    seq: z.int().min(1).meta({ description: 'The line’s number in its execution, starting at 1.' }),
    output_type: outputType,
    content: z.string(),
    timestamp: time,
    partial: z
      .literal(true)
      .optional()
      .meta({
        description:
          'Present if the entry was not ended by a newline: the next entry of the same execution and output type ' +
          'continues it. Joined, their contents are what was printed between two newlines.',
      }),
  })
  .meta({ id: 'LogEntry', description: 'One line of a log, or a part of one.' });

export type LogEntry = z.input<typeof logEntry>;

export const logFilters = { execution_id: uuid.optional(), output_type: outputType.optional() };

export const logPosition = {
  cursor: cursor.optional().meta({
    description: 'A `next_cursor`, or the id of an entry. The page starts after it, in the given direction.',
  }),
  direction: z.enum(['forward', 'backward']).default('forward'),
};

export const logQuery = z.strictObject({
  ...logFilters,
  limit: pageLimit(MAX_ENTRIES).default(1000),
  ...logPosition,
});

const I64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

/** An integer as the original reads it, moved into a range that this hive can serve. */
const originalInteger = (min: number, max: number) =>
  z
    .string()
    .regex(/^[+-]?\d{1,64}$/, 'must be a whole number')
    .transform(BigInt)
    .refine((value) => value >= I64.min && value <= I64.max, { error: 'must be a whole number of 64 bits' })
    .transform((value) => Math.min(Math.max(Number(value), min), max));

/** As the original hive reads it: it knows no bounds, and every direction but `forward` is backward. */
export const syncLogQuery = originalQuery.extend({
  limit: originalInteger(-2, MAX_ENTRIES)
    .refine((limit) => limit >= -1, { error: 'must be at least -1' })
    .default(1000)
    .meta({
      type: 'integer',
      minimum: -1,
      description:
        `The maximum number of entries; at most ${MAX_ENTRIES} come at once. With 0 or -1 none come, and has_more tells ` +
        'whether there are any.',
    }),
  cursor: originalInteger(0, Number.MAX_SAFE_INTEGER).optional().meta({
    type: 'integer',
    description: 'A `next_cursor`. The page starts after that entry, in the given direction.',
  }),
  direction: z
    .string()
    .transform((direction) => (direction === 'forward' ? ('forward' as const) : ('backward' as const)))
    .default('backward')
    .meta({ type: 'string', description: '`forward`; anything else means backward, newest first.' }),
});

const page = {
  entries: z.array(logEntry).meta({
    description:
      'Fewer than the limit, or none, does not mean the end; see `has_more`. A response has at most about 8 MiB.',
  }),
  has_more: z.boolean().meta({ description: 'Whether there are more lines now.' }),
  total_count: count.meta({ description: 'How many stored lines match the filters, on all pages.' }),
};

export const logPage = z
  .strictObject({
    ...page,
    next_cursor: z
      .string()
      .nullable()
      .meta({
        description:
          'The cursor of the next page. Forward, it is also set without `has_more` while more lines may come: ask ' +
          'again with it later to get the later lines of every execution, each line once. Null at the end.',
      }),
  })
  .meta({ id: 'LogPage' });

export type LogPage = z.input<typeof logPage>;

export const syncLogPage = z.strictObject({ ...page, next_cursor: z.int().nullable() }).meta({ id: 'SyncLogPage' });

export type SyncLogPage = z.input<typeof syncLogPage>;

export const streamQuery = z.strictObject({ ...logFilters, cursor: cursor.optional() });

export const downloadQuery = z.strictObject({
  execution_id: uuid.optional(),
  format: z.enum(['text', 'ndjson']).default('text'),
  until: cursor.optional().meta({
    description: 'From the Content-Location of an earlier download of a log that grows: the same file again.',
  }),
});
