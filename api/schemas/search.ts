import { z } from 'zod';
import { queryFields } from '../search/query-fields.js';
import { count, pageLimit, queryInteger } from './common.js';
import { logEntry, logFilters, logPosition } from './log.js';
import { uuid } from '../../protocol/uuid.js';

const MAX_MATCHES = 1000;
const MAX_CONTEXT = 50;

export const attemptSearchQuery = z.strictObject({
  ...queryFields,
  ...logFilters,
  context: queryInteger(0, MAX_CONTEXT, 'How many lines before and after each match are shown.').default(0),
  limit: pageLimit(MAX_MATCHES).default(100),
  ...logPosition,
});

const lineAround = logEntry
  .extend({
    cut: z.literal(true).optional().meta({ description: 'Present if the content was longer than 4 KiB and was cut.' }),
  })
  .meta({ id: 'LineAround' });

export const logMatch = logEntry
  .extend({
    ranges: z.array(z.tuple([z.int().min(0), z.int().min(0)])).meta({
      description:
        'Where it matches: from (inclusive) and to (exclusive), as byte offsets in the content’s UTF-8. At most 100.',
    }),
    before: z.array(lineAround),
    after: z.array(lineAround).meta({
      description:
        'The lines around it in its execution, of any output type, in their order. Fewer where a page is damaged or lines are very long.',
    }),
  })
  .meta({ id: 'LogMatch', description: 'A line that matches.' });

export const attemptSearchPage = z
  .strictObject({
    matches: z.array(logMatch).meta({
      description:
        'In the direction’s order. Fewer than the limit, or none, does not mean the end; see `has_more`. A response has ' +
        'at most about 8 MiB.',
    }),
    next_cursor: z
      .string()
      .nullable()
      .meta({
        description:
          'Where to go on with the same filters and direction. Forward, it is also set without `has_more` while more lines ' +
          'may come. Null at the end.',
      }),
    has_more: z.boolean().meta({ description: 'Whether there are lines now that have not been looked at.' }),
    looked_through: z.strictObject({ lines: count, of: count }).meta({
      description: 'How many lines this answer has looked at, of how many that are stored under the filters.',
    }),
    damaged: z
      .array(z.strictObject({ execution_id: uuid, first_seq: z.int(), last_seq: z.int() }))
      .meta({ description: 'Stored lines that could not be searched, because they are damaged.' }),
  })
  .meta({ id: 'AttemptSearchPage' });
