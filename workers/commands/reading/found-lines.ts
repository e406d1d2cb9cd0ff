import { plainLine } from '../../../protocol/terminal-line.js';
import type { Hive, Schemas } from './api.js';
import { faint, usesColour } from './colour.js';
import { jsonLine } from './json-line.js';
import { search } from './search-answers.js';
import { write } from './write.js';

type LogMatch = Schemas['LogMatch'];

/** Of one answer. */
const PAGE = 500;
const [MARK, RESET] = ['\u001b[1;31m', '\u001b[0m'];

interface PrintOptions {
  limit: number;
  json: boolean;
}

/** Prints the lines of an attempt that match, with their numbers, as grep does. @returns whether there are any */
export async function printFoundLines(
  hive: Hive,
  attemptId: string,
  query: Record<string, string>,
  { limit, json }: PrintOptions,
): Promise<boolean> {
  const path = `/v1/swarm/attempts/${attemptId}/logs/search`;
  const text = linesText();
  let isFound = false;
  let damaged = 0;
  const answers = search<LogMatch>(hive, {
    ...{ path, query, limit, page: PAGE },
    idOf: ({ id }) => id,
    onEnd: (end) => (damaged += end.damaged.length),
  });
  for (;;) {
    const { done, value } = await answers.next();
    if (done) {
      await write(text());
      if (!value) process.stderr.write(`hive: these are the first ${limit}; --limit gives more\n`);
      break;
    }
    isFound = true;
    await write(json ? jsonLine(value) : text(value));
  }
  if (damaged > 0) process.stderr.write('hive: some stored lines are damaged and could not be searched\n');
  return isFound;
}

/** @returns what turns matches into lines, each line once although it is around several; without one, into what is left */
function linesText(): (match?: LogMatch) => string {
  let execution: string | undefined;
  let shown = 0;
  let following: LogMatch['after'] = [];
  const prefix = () => (process.stdout.isTTY ? '' : `${execution}:`);
  const around = (lines: LogMatch['before'], before = Infinity) => {
    const fresh = lines.filter(({ seq }) => seq > shown && seq < before);
    shown = fresh.at(-1)?.seq ?? shown;
    return fresh.map(({ seq, content }) => `${prefix()}${seq}-${plainLine(content)}\n`).join('');
  };
  return (match) => {
    const isNext = match?.execution_id === execution;
    let text = around(following, isNext ? match?.seq : Infinity);
    following = match?.after ?? [];
    if (!match) return text;
    if (!isNext) {
      [execution, shown] = [match.execution_id, 0];
      if (process.stdout.isTTY) text += `${faint(`execution ${execution}`)}\n`;
    }
    const first = match.before.find(({ seq }) => seq > shown)?.seq ?? match.seq;
    const hasContext = match.before.length + match.after.length > 0;
    if (hasContext && shown > 0 && first > shown + 1) text += '--\n';
    text += around(match.before) + `${prefix()}${match.seq}:${marked(match)}\n`;
    shown = match.seq;
    return text;
  };
}

/** @returns the line, safe for a terminal, with what matches in colour if there is a terminal */
export function marked({ content, ranges }: Pick<LogMatch, 'content' | 'ranges'>): string {
  if (!usesColour()) return plainLine(content);
  const bytes = Buffer.from(content);
  let text = '';
  let end = 0;
  for (const [from = 0, to = 0] of ranges) {
    text += plainLine(bytes.toString('utf8', end, from)) + MARK + plainLine(bytes.toString('utf8', from, to)) + RESET;
    end = to;
  }
  return text + plainLine(bytes.toString('utf8', end));
}
