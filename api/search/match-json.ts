import type { LogExecution } from '../../prisma/queries/read-log.js';
import type { EncodedLine } from '../../protocol/page.js';
import type { MatchingLine } from '../../search/search-pages.js';
import { toEntry } from '../logs/read-entries.js';

type Place = Pick<LogExecution, 'id' | 'ordinal'>;

/** @returns a `LogMatch`, as JSON */
export function matchJson(execution: Place, match: MatchingLine): string {
  const ranges = JSON.stringify(match.ranges);
  const around = `"before":${entries(execution, match.before)},"after":${entries(execution, match.after)}`;
  return `${toEntry(execution, match).json.slice(0, -1)},"ranges":${ranges},${around}}`;
}

function entries(execution: Place, lines: readonly EncodedLine[]): string {
  return `[${lines.map((line) => toEntry(execution, line).json).join(',')}]`;
}
