import { z } from 'zod';
import { uuid } from '../../protocol/uuid.js';
import { attempt } from './attempt.js';
import { count, pageLimit, position } from './common.js';

/** A position, or `latest` for what changes from now on. Absent: from the beginning. */
const after = z.union([z.literal('latest'), position], 'must be a position, or latest').meta({
  type: 'string',
  description: 'The last `next_position`. Absent: from the beginning; `latest`: only what changes from now on.',
});

export const changesQuery = z.strictObject({ after: after.optional(), limit: pageLimit(1000).default(100) });
export const changeStreamQuery = z.strictObject({ after: after.optional() });

export const change = z
  .strictObject({
    position: count,
    attempt_id: uuid,
    deleted: z.boolean(),
    attempt: attempt.nullable().meta({ description: 'As it is now; null if it is deleted.' }),
  })
  .meta({ id: 'Change', description: 'A change of an attempt. Several changes in a row can be told as one.' });

export const changePage = z
  .strictObject({
    changes: z.array(change),
    next_position: count.meta({
      description:
        'What to ask for next. Lower than `after` if the hive’s database was replaced by an older one: then everything ' +
        'is told again.',
    }),
    has_more: z.boolean(),
  })
  .meta({ id: 'ChangePage' });
