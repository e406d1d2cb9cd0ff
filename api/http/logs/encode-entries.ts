import { EncodedJson } from '../route.js';
import type { LogEntry } from '../schemas/log.js';
import type { EncodedEntry } from './line-source.js';

/** An answer of entries and what is said of them, without making objects of the entries first. */
export function encodeEntries<Page extends { entries: LogEntry[] }>(
  entries: EncodedEntry[],
  rest: Omit<Page, 'entries'>,
): EncodedJson<Page> {
  const joined = entries.map(({ json }) => json).join(',');
  return new EncodedJson(`{"entries":[${joined}],${JSON.stringify(rest).slice(1)}`);
}
