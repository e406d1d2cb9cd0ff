import { z } from 'zod';
import { bodyOf, type Schemas } from '../../api/client/client.js';
import { printable } from '../../protocol/printable.js';
import { attemptIdOf, attemptInput } from './attempts.js';
import { countFitting, lineText, logLine, quoted, sizeOf, toLine, type LogLine } from './log-lines.js';
import { tool } from './tool.js';

/** Of one line: a match is to be found, not read. */
const LINE_CHARACTERS = 500;

/** What is searched for. */
export const queryInput = {
  q: z.string().min(1).max(1_000).describe('A text, or with `regex` a regular expression (RE2 syntax).'),
  regex: z.boolean().default(false),
  ignore_case: z.boolean().default(false),
};

/** @returns the fields as the API takes them */
export function queryOf({ q, regex, ignore_case }: { q: string; regex: boolean; ignore_case: boolean }) {
  return { q, ...(regex && { regex }), ...(ignore_case && { ignore_case }) };
}

const match = logLine.extend({ before: z.array(logLine), after: z.array(logLine) });
type Match = z.input<typeof match>;
type MatchingLine = Schemas['LogEntry'] & { ranges: readonly (readonly number[])[] };
type ApiMatch = MatchingLine & Record<'before' | 'after', Schemas['LogEntry'][]>;

export const searchLog = tool({
  name: 'search_log',
  title: 'Search in a log',
  description:
    'Finds the lines of one attempt’s log that match, with the lines around them. Pass the `id` of a match as `from` to ' +
    'read_log to read on from there.',
  input: {
    attempt: attemptInput,
    ...queryInput,
    execution_id: z.guid().optional(),
    output_type: z.enum(['stdout', 'stderr', 'system']).optional(),
    direction: z.enum(['forward', 'backward']).default('forward').describe('`backward`: the last match comes first.'),
    context: z.int().min(0).max(10).default(1).describe('How many lines before and after each match.'),
    limit: z.int().min(1).max(100).default(20),
    cursor: z.string().max(15_000).optional().describe('`next_cursor` of the answer before.'),
  },
  output: {
    attempt: z.string(),
    matches: z.array(match),
    next_cursor: z.string().nullable(),
    has_more: z.boolean().describe('Not all lines have been looked at: call again with `next_cursor`.'),
    looked_through: z.object({ lines: z.int(), of: z.int() }),
  },
  run: async (input, context) => {
    const { hive, maxCharacters, signal } = context;
    const attempt = await attemptIdOf(context, input.attempt);
    const { execution_id, output_type, direction, cursor } = input;
    let { limit } = input;
    for (;;) {
      const query = {
        ...queryOf(input),
        ...{ direction, context: input.context, limit },
        ...(execution_id !== undefined && { execution_id }),
        ...(output_type !== undefined && { output_type }),
        ...(cursor !== undefined && { cursor }),
      };
      const params = { path: { id: attempt }, query };
      const found = await bodyOf(hive.api.GET('/v1/swarm/attempts/{id}/logs/search', { params, signal }));
      const matches = found.matches.map(toMatch);
      const fitting = countFitting(matches, sizeOfMatch, maxCharacters);
      if (fitting < matches.length) {
        limit = fitting; // the hive says where to go on behind these
        continue;
      }
      const { next_cursor, has_more, looked_through } = found;
      const content = { attempt, matches, next_cursor, has_more, looked_through };
      return { content, text: textOf(content, input.q) };
    }
  },
});

function toMatch({ before, after, ...entry }: ApiMatch): Match {
  const short = (line: Schemas['LogEntry']) => toLine(line, LINE_CHARACTERS);
  return { ...shortAround(entry), before: before.map(short), after: after.map(short) };
}

/** @returns the line; of a long one the part where it matches first */
export function shortAround({ ranges, ...entry }: MatchingLine): LogLine {
  const [from = 0] = ranges[0] ?? [];
  if (entry.content.length <= LINE_CHARACTERS) return toLine(entry, LINE_CHARACTERS);
  const before = Buffer.from(entry.content).subarray(0, from).toString().length;
  const begin = Math.max(0, before - LINE_CHARACTERS / 4);
  const line = toLine({ ...entry, content: entry.content.slice(begin) }, LINE_CHARACTERS);
  return {
    ...line,
    content: begin === 0 ? line.content : `…${line.content}`,
    cut: entry.content.length - LINE_CHARACTERS,
  };
}

function sizeOfMatch(found: Match): number {
  return [found, ...found.before, ...found.after].reduce((sum, line) => sum + sizeOf(line), 0);
}

interface Found {
  matches: Match[];
  next_cursor: string | null;
  has_more: boolean;
  looked_through: { lines: number; of: number };
}

function textOf({ matches, next_cursor: cursor, has_more: more, looked_through: looked }: Found, q: string): string {
  const groups = matches.map((found) =>
    [...found.before.map(around), `> ${lineText(found)}`, ...found.after.map(around)].join('\n'),
  );
  const rest =
    cursor === null
      ? 'Nothing is left to look through.'
      : `${more ? 'There is more' : 'More may be printed'}: call again with cursor ${cursor}`;
  return [
    `${matches.length} matches of ${printable(q)} in ${looked.lines} of ${looked.of} lines`,
    ...(matches.length > 0 ? [quoted(groups)] : []),
    rest,
  ].join('\n');
}

const around = (line: LogLine) => `  ${lineText(line)}`;
