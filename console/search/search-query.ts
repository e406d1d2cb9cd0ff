/** What is searched for, as it stands in the address and as the hive is asked. */
import type { operations } from '../../api/client/openapi.js';
import { addressOf } from '../ui/address.js';

type AskedOfHive = operations['searchAll']['parameters']['query'];

/** How a text is looked for: the first two are the API's `match`, the last its `regex`. */
export const MODES = ['word', 'text', 'regex'] as const;
export type Mode = (typeof MODES)[number];

/** The filters of the list of attempts. */
export const FILTERS = [
  'title',
  'node_id',
  'status',
  'sync_state',
  'executor',
  'branch',
  'since',
  'until',
  'task',
  'id_prefix',
] as const;
export type Filter = (typeof FILTERS)[number];

export interface SearchQuery {
  q: string;
  mode: Mode;
  ignoreCase: boolean;
  filters: Partial<Record<Filter, string | undefined>>;
}

export function queryOf(address: Readonly<Record<string, string | undefined>>): SearchQuery {
  const filters: SearchQuery['filters'] = {};
  for (const name of FILTERS) {
    const value = address[name];
    if (value !== undefined && value !== '') filters[name] = value;
  }
  return {
    q: address['q'] ?? '',
    mode: address['regex'] === 'true' ? 'regex' : address['match'] === 'text' ? 'text' : 'word',
    ignoreCase: address['ignore_case'] === 'true',
    filters,
  };
}

export function searchAddress({ q, mode, ignoreCase, filters }: SearchQuery): string {
  return addressOf('/search', {
    q,
    match: mode === 'text' ? 'text' : undefined,
    regex: mode === 'regex' ? 'true' : undefined,
    ignore_case: ignoreCase ? 'true' : undefined,
    ...filters,
  });
}

/** The hive checks the values of filters, which the address may have from anywhere, and says which one is wrong. */
export function askedOfHive({ q, mode, ignoreCase, filters }: SearchQuery, cursor: string | null): AskedOfHive {
  return {
    q,
    ...(mode === 'regex' ? { regex: true } : { match: mode }),
    ...(ignoreCase && { ignore_case: true }),
    ...(filters as Partial<AskedOfHive>),
    ...(cursor !== null && { cursor }),
  };
}
