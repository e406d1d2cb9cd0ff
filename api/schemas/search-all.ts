import { z } from 'zod';
import { queryFields } from '../search/query-fields.js';
import { uuid } from '../../protocol/uuid.js';
import { attempt, attemptFilterFields } from './attempt.js';
import { count, pageLimit, queryInteger, storedText } from './common.js';
import { logMatch } from './search.js';

const MAX_ATTEMPTS = 100;
const MAX_FIRST = 10;
const MAX_WAIT_MS = 30_000;

export const searchAllQuery = z.strictObject({
  ...queryFields,
  match: z
    .enum(['word', 'text'])
    .default('word')
    .meta({
      description:
        '`word`: where `q` begins and ends at borders of words (runs of letters, digits and marks; in scripts without ' +
        'spaces, each character is a word), which the index answers; `text`: anywhere, which may take far longer. A ' +
        'regular expression matches anywhere.',
    }),
  ...attemptFilterFields,
  title: storedText(200).min(1).optional().meta({
    description: 'Of attempts whose title or command contains this, in upper or lower case.',
  }),
  first: queryInteger(0, MAX_FIRST, 'How many matching lines of each attempt are shown.').default(3),
  wait_ms: queryInteger(1, MAX_WAIT_MS, 'How long to search; then the answer says where to go on.').optional(),
  limit: pageLimit(MAX_ATTEMPTS).default(20),
  cursor: z.string().max(512).optional(),
});

const foundAttempt = z
  .strictObject({
    attempt,
    matches: count.meta({ description: 'How many of its stored lines match.' }),
    at_least: z.boolean().meta({
      description:
        'There may be more: an attempt is counted up to 10,000 matches, or 50,000 opened lines, or until the time is up.',
    }),
    first: z.array(logMatch).meta({ description: 'The first of them, without lines around.' }),
  })
  .meta({ id: 'FoundAttempt', description: 'An attempt that has matching lines.' });

export const searchAllPage = z
  .strictObject({
    attempts: z.array(foundAttempt).meta({ description: 'The attempt that arrived last comes first.' }),
    next_cursor: z.string().nullable().meta({
      description: 'Where to go on, with the same parameters; null if everything has been looked through.',
    }),
    complete: z.boolean().meta({
      description: 'Whether everything has been looked through: false if the limit was reached or the time was up.',
    }),
    looked_through: z.strictObject({ pages: count, of: count }).meta({
      description:
        'How many stored pages of the attempts in question this and the earlier answers have looked through or excluded by ' +
        'the index, of how many.',
    }),
    damaged: z
      .array(z.strictObject({ execution_id: uuid, first_seq: z.int(), last_seq: z.int() }))
      .meta({ description: 'Stored lines that could not be searched, because they are damaged.' }),
  })
  .meta({ id: 'SearchAllPage' });
