/** What filters are called, and how it is shown, wherever attempts are filtered. */
import { nodeName } from '../hive/node-names.js';
import { formatMoment } from '../ui/format-time.js';
import { wordOf } from '../ui/states.js';
import type { FilterName } from './filters.js';

type Name = 'title' | Exclude<FilterName, 'q'>;

export const FILTER_WORDS: Readonly<Record<Name, string>> = {
  title: 'Title or command has',
  status: 'Status',
  sync_state: 'Hive’s copy',
  node_id: 'Node',
  executor: 'Executor',
  branch: 'Branch',
  task: 'Shared task',
  id_prefix: 'Id begins with',
  since: 'Started since',
  until: 'Started before',
};

/** @returns the value of a filter, for people */
export function shownValue(name: Name, value: string): string {
  if (name === 'node_id') return nodeName(value);
  if (name === 'since' || name === 'until') return formatMoment(Date.parse(value)) || value;
  if (name === 'status' || name === 'sync_state') return wordOf(value);
  return name === 'task' ? value.slice(0, 8) : value;
}
