import type { Hive, Schemas } from './api.js';
import { attemptLabel, statusText, type Attempt } from './attempt-text.js';
import { faint } from './colour.js';
import { marked } from './found-lines.js';
import { jsonLine } from './json-line.js';
import { terminalWidth } from './print-table.js';
import { search } from './search-answers.js';
import { age } from './time.js';
import { fit } from './width.js';
import { write } from './write.js';

interface FoundAttempt {
  attempt: Attempt;
  matches: number;
  at_least: boolean;
  first: Schemas['LogMatch'][];
}

interface PrintOptions {
  nodeName: (id: string) => string;
  limit: number;
  json: boolean;
  /** Whether only whole words are found. */
  isByWords: boolean;
}

/** Of one answer. */
const PAGE = 100;
const CLEAR_LINE = '\r\u001b[K';

/** Prints which attempts have lines that match, and the first of these. @returns whether there are any */
export async function printFoundAttempts(
  hive: Hive,
  query: Record<string, string>,
  { nodeName, limit, json, isByWords }: PrintOptions,
): Promise<boolean> {
  const progress = progressLine();
  let isFound = false;
  const answers = search<FoundAttempt>(hive, {
    ...{ path: '/v1/search', query, limit, page: PAGE },
    idOf: ({ attempt }) => attempt.id,
    onEnd: ({ looked_through: { pages = 0, of = 0 } }) => progress.set(`looked through ${pages} of ${of} pages`),
  });
  for (;;) {
    const { done, value } = await answers.next();
    progress.clear();
    if (done) {
      if (!value)
        process.stderr.write(`hive: these are the newest ${limit}; --limit gives more, --until goes on from a time\n`);
      else if (!isFound)
        process.stderr.write(
          isByWords ? 'nothing found as whole words; --text looks inside of words, too\n' : 'nothing found\n',
        );
      return isFound;
    }
    isFound = true;
    await write(json ? jsonLine(value) : attemptText(value, nodeName));
  }
}

function attemptText(
  { attempt, matches, at_least: isAtLeast, first }: FoundAttempt,
  nodeName: (id: string) => string,
): string {
  const width = terminalWidth();
  const count = `${matches}${isAtLeast ? ' or more' : ''} line${matches === 1 && !isAtLeast ? '' : 's'}`;
  const facts = [
    width === undefined ? attempt.id : attempt.id.slice(0, 8),
    count,
    statusText(attempt),
    nodeName(attempt.node_id),
    age(attempt.created_at),
    attemptLabel(attempt),
  ];
  const heading = facts.join('  ');
  const lines = first.map((match) => `  ${faint(`${match.seq}:`)} ${marked(match)}\n`);
  const rest = matches - first.length;
  const more = rest > 0 ? [faint(`  and ${rest}${isAtLeast ? ' or more' : ''} others`) + '\n'] : [];
  return [`${width === undefined ? heading : fit(heading, width)}\n`, ...lines, ...more].join('');
}

/** One line of standard error, if that is a terminal, which goes when something is printed. */
function progressLine() {
  let isShown = false;
  return {
    set(text: string) {
      if (!process.stderr.isTTY) return;
      process.stderr.write(`${CLEAR_LINE}${text}`);
      isShown = true;
    },
    clear() {
      if (isShown) process.stderr.write(CLEAR_LINE);
      isShown = false;
    },
  };
}
