import { z } from 'zod';
import { bodyOf } from '../../api/client/client.js';
import { printable } from '../../protocol/printable.js';
import { attemptSummary, summaryText, toSummary } from './attempts.js';
import { attemptFilters } from './list-attempts.js';
import { countFitting, lineText, logLine, quoted, sizeOf } from './log-lines.js';
import { queryInput, queryOf, shortAround } from './search-log.js';
import { tool } from './tool.js';

const SIZE_OF_ATTEMPT = 700;
const LINES_SHOWN = 3;

const foundAttempt = z.object({
  attempt: attemptSummary,
  matches: z.int(),
  at_least: z.boolean().describe('There may be more matches than were counted.'),
  first: z.array(logLine).describe('The first matching lines.'),
});
type Found = z.input<typeof foundAttempt>;

export const searchAll = tool({
  name: 'search_all',
  title: 'Search in all logs',
  description:
    'Finds the attempts, on all machines, whose logs have lines that match: how many, and the first of them, newest attempt ' +
    'first. `match: word` (the default) finds whole words and is fast; `text` and `regex` find it anywhere and can take long. ' +
    'If `complete` is false, not everything has been looked through: call again with `next_cursor`.',
  input: {
    ...queryInput,
    match: z.enum(['word', 'text']).default('word'),
    ...attemptFilters,
    title: z.string().min(1).max(200).optional().describe('Of attempts whose title or command contains this.'),
    limit: z.int().min(1).max(50).default(10),
    cursor: z.string().max(512).optional().describe('`next_cursor` of the answer before.'),
  },
  output: {
    attempts: z.array(foundAttempt),
    next_cursor: z.string().nullable(),
    complete: z.boolean().describe('Everything has been looked through.'),
    looked_through: z.object({ pages: z.int(), of: z.int() }),
  },
  run: async ({ q, regex, ignore_case, limit, ...filters }, { hive, maxCharacters, signal }) => {
    let asked = limit;
    for (;;) {
      const query = { ...queryOf({ q, regex, ignore_case }), ...filters, first: LINES_SHOWN, limit: asked };
      const found = await bodyOf(hive.api.GET('/v1/search', { params: { query }, signal }));
      const attempts = found.attempts.map(({ attempt, matches, at_least, first }) => ({
        ...{ attempt: toSummary(attempt), matches, at_least },
        first: first.map(shortAround),
      }));
      const fitting = countFitting(attempts, sizeOfFound, maxCharacters);
      if (fitting < attempts.length) {
        asked = fitting; // the hive says where to go on behind these
        continue;
      }
      const { next_cursor, complete, looked_through } = found;
      const content = { attempts, next_cursor, complete, looked_through };
      const isByWords = !regex && filters.match === 'word';
      return { content, text: textOf(content, { q, isByWords }) };
    }
  },
});

function sizeOfFound({ first }: Found): number {
  return SIZE_OF_ATTEMPT + first.reduce((sum, line) => sum + sizeOf(line), 0);
}

interface Answer {
  attempts: Found[];
  next_cursor: string | null;
  looked_through: { pages: number; of: number };
}

interface Asked {
  q: string;
  isByWords: boolean;
}

function textOf({ attempts, next_cursor: cursor, looked_through: { pages, of } }: Answer, asked: Asked): string {
  const groups = attempts.map(({ attempt, matches, at_least: atLeast, first }) =>
    [
      `${summaryText(attempt)}: ${atLeast ? 'at least ' : ''}${matches} lines`,
      ...first.map((line) => `  ${lineText(line)}`),
    ].join('\n'),
  );
  return [
    `${attempts.length} attempts printed ${printable(asked.q)}${asked.isByWords ? ' as whole words' : ''} (${pages} of ${of} pages looked through)`,
    ...(groups.length > 0 ? [quoted(groups)] : []),
    cursor === null
      ? 'Everything has been looked through.'
      : `Not all has been looked through: call again with cursor ${cursor}`,
    ...(asked.isByWords && attempts.length === 0
      ? ['With match: text, the inside of words is looked through too.']
      : []),
  ].join('\n');
}
