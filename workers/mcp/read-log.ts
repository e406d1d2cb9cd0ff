import { z } from 'zod';
import { bodyOf } from '../../api/client/client.js';
import { attemptIdOf, attemptInput } from './attempts.js';
import { countFitting, LINE_CHARACTERS, lineText, logLine, quoted, sizeOf, toLine, type LogLine } from './log-lines.js';
import { tool, type ToolContext } from './tool.js';

const MAX_LINES = 1_000;
const MAX_LINE_CHARACTERS = 100_000;
/** A log that grows can have other lines at the same place when it is read again. */
const MAX_TRIES = 3;

const place = z.union([z.literal('start'), z.literal('end'), z.int().min(0), z.string().max(15_000)]);
const next = z.object({ from: place, direction: z.enum(['forward', 'backward']) }).nullable();

export const readLog = tool({
  name: 'read_log',
  title: 'Read a part of a log',
  description:
    'Reads lines of an attempt’s log: its end (the default), its start, or around a line that search_log or search_all ' +
    'found. Lines come in the order in which they were printed. The answer is bounded; `earlier` and `later` say what to ' +
    'pass as `from` and `direction` to go on, without a line twice or left out.',
  input: {
    attempt: attemptInput,
    from: place
      .default('end')
      .describe('`end`, `start`, the `id` of a line (which is read too), or the `from` of `earlier` or `later`.'),
    direction: z.enum(['forward', 'backward']).optional().describe('Default: backward from the end, else forward.'),
    lines: z.int().min(1).max(MAX_LINES).default(100),
    execution_id: z.guid().optional().describe('Only of this execution.'),
    output_type: z.enum(['stdout', 'stderr', 'system']).optional(),
    line_characters: z
      .int()
      .min(20)
      .max(MAX_LINE_CHARACTERS)
      .optional()
      .describe(`A longer line is cut. Default: ${LINE_CHARACTERS}.`),
  },
  output: {
    attempt: z.string(),
    lines: z.array(logLine),
    total_lines: z.int().describe('Stored lines under the filters.'),
    earlier: next.describe('How to read what was printed before; null at the beginning.'),
    later: next.describe('How to read what was printed after it, or will be; null if nothing will.'),
  },
  run: async (input, context) => {
    const attempt = await attemptIdOf(context, input.attempt);
    const direction = input.direction ?? (input.from === 'end' ? 'backward' : 'forward');
    const { entries, nextCursor, total } = await readFitting({ ...input, attempt, direction }, context);
    const lines = direction === 'forward' ? entries : entries.toReversed();
    const around =
      direction === 'forward' ? aroundForward(lines, nextCursor, input.from) : aroundBackward(lines, nextCursor);
    const content = { attempt, lines, total_lines: total, ...around };
    return { content, text: textOf(content) };
  },
});

type Next = z.input<typeof next>;
type Around = Record<'earlier' | 'later', Next>;

function aroundForward(lines: LogLine[], nextCursor: string | null, from: Asked['from']): Around {
  const [first] = lines;
  return {
    earlier: first && from !== 'start' ? { from: first.id - 1, direction: 'backward' } : null,
    later: nextCursor === null ? null : { from: nextCursor, direction: 'forward' },
  };
}

/** Backward, the API's cursors are ids of lines that have been read. */
function aroundBackward(lines: LogLine[], nextCursor: string | null): Around {
  const last = lines.at(-1);
  return {
    earlier: nextCursor === null ? null : { from: Number(nextCursor) - 1, direction: 'backward' },
    later: last ? { from: last.id + 1, direction: 'forward' } : null,
  };
}

interface Asked {
  attempt: string;
  from: z.output<typeof place>;
  direction: 'forward' | 'backward';
  lines: number;
  execution_id?: string | undefined;
  output_type?: 'stdout' | 'stderr' | 'system' | undefined;
  line_characters?: number | undefined;
}

/** Reads so many lines that the answer fits, and where the next ones are. */
async function readFitting(asked: Asked, { hive, maxCharacters, signal }: ToolContext) {
  const { attempt, direction, execution_id, output_type } = asked;
  const cursor = cursorOf(asked);
  const perLine = Math.min(asked.line_characters ?? LINE_CHARACTERS, maxCharacters);
  let limit = Math.min(asked.lines, Math.max(1, Math.ceil(maxCharacters / 240)));
  for (let tries = 1; ; tries++) {
    const query = { direction, limit, ...(cursor !== undefined && { cursor }) };
    const filters = { ...(execution_id && { execution_id }), ...(output_type && { output_type }) };
    const params = { path: { id: attempt }, query: { ...query, ...filters } };
    const page = await bodyOf(hive.api.GET('/v1/swarm/attempts/{id}/logs', { params, signal }));
    const lines = page.entries.map((entry) => toLine(entry, perLine));
    const fitting = lines.length === 0 ? 0 : countFitting(lines, sizeOf, maxCharacters);
    if (fitting === lines.length) return { entries: lines, nextCursor: page.next_cursor, total: page.total_count };
    limit = tries < MAX_TRIES ? fitting : 1; // the hive says where to go on behind these
  }
}

/** The API reads behind a line; an agent means the line itself. */
function cursorOf({ from, direction }: Asked): string | undefined {
  if (from === 'start' || from === 'end') return undefined;
  if (typeof from === 'string') return from;
  return String(Math.max(0, direction === 'forward' ? from - 1 : from + 1));
}

interface ReadText extends Around {
  lines: LogLine[];
  total_lines: number;
}

function textOf({ lines, total_lines: total, earlier, later }: ReadText): string {
  const shown = lines.length === 0 ? 'no lines here' : quoted(lines.map(lineText));
  return [`${lines.length} of ${total} lines`, shown, how('earlier', earlier), how('later', later)].join('\n');
}

function how(what: string, place: Next): string {
  if (place === null) return `${what}: nothing`;
  return `${what}: read_log with from ${JSON.stringify(place.from)}, direction ${place.direction}`;
}
