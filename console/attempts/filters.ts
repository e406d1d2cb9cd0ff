/**
 * Which attempts are shown, as it stands in the address: by the names that the API gives the fields of its query, so
 * that an address can be read, shared, and typed.
 */
import type { paths } from '../../api/client/openapi.js';
import { addressOf } from '../ui/address.js';

type Query = NonNullable<paths['/v1/swarm/attempts/counts']['get']['parameters']['query']>;

export const FILTER_NAMES = [
  'q',
  'status',
  'sync_state',
  'node_id',
  'executor',
  'branch',
  'task',
  'id_prefix',
  'since',
  'until',
] as const;

export type FilterName = (typeof FILTER_NAMES)[number];

/** What is absent does not filter. */
export type Filters = Partial<Record<FilterName, string>>;

export const ORDERS = ['arrived', 'created', 'changed'] as const;
export type Order = (typeof ORDERS)[number];

export const ORDER_WORDS: Record<Order, string> = {
  arrived: 'newest to the hive first',
  created: 'started last first',
  changed: 'changed last first',
};

export interface Choice {
  filters: Filters;
  order: Order;
}

/** @param address a path with its query, or the query alone */
export function readChoice(address: string): Choice {
  const query = new URLSearchParams(address.slice(address.indexOf('?') + 1));
  const filters: Filters = {};
  for (const name of FILTER_NAMES) {
    const value = query.get(name);
    if (value) filters[name] = value;
  }
  return { filters, order: ORDERS.find((order) => order === query.get('order')) ?? 'arrived' };
}

/** @returns the address that shows this choice, always the same for the same choice */
export const attemptsAddress = ({ filters, order }: Choice): string =>
  addressOf('/attempts', { ...changed(filters, {}), order: order === 'arrived' ? undefined : order });

/** @returns the filters with some changed; undefined or empty takes one away */
export function changed(filters: Filters, change: Partial<Record<FilterName, string | undefined>>): Filters {
  const all = { ...filters, ...change };
  const kept: Filters = {};
  for (const name of FILTER_NAMES) if (all[name]) kept[name] = all[name];
  return kept;
}

/** The values are as somebody typed the address: whether they are right, the hive says. */
export const queryOf = (filters: Filters): Query => filters as Query;

const UUID = /^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$/i;

/** Whoever pastes a whole id into the search field looks for that attempt, and not for a title with it. */
export function searchedFor(text: string): Pick<Filters, 'q' | 'id_prefix'> {
  const trimmed = text.trim();
  return UUID.test(trimmed) ? { q: undefined, id_prefix: trimmed } : { q: text, id_prefix: undefined };
}

/** @returns whether a text could be meant as the beginning of an id */
export const isLikeAnId = (text: string): boolean => /^[0-9a-f]{8}[0-9a-f-]*$/i.test(text.trim()) && text.length <= 36;
