/** The hive's list of backfills, page by page, kept current as far as it is shown. */
import type { Schemas } from '../../api/client/client.js';
import { ask, hive } from '../hive/client.js';

export type ListedBackfill = Schemas['ListedBackfill'];
export type BackfillStatus = ListedBackfill['status'];

export const STATUSES = [
  'running',
  'completed',
  'failed',
  'cancelled',
  'timed_out',
  'terminated',
] as const satisfies BackfillStatus[];

export interface BackfillFilters {
  status: BackfillStatus | undefined;
  node_id: string | undefined;
  attempt_id: string | undefined;
}

export interface Listing {
  backfills: ListedBackfill[];
  hasMore: boolean;
  /** How many pages were asked for. */
  pages: number;
  /** When the hive answered. */
  at: string;
}

const PAGE = 50;

/**
 * Reads the newest pages, in one go: new backfills come before the old ones, so that the pages move.
 * @param pages how many of them
 */
export async function readBackfills(filters: BackfillFilters, pages: number, signal: AbortSignal): Promise<Listing> {
  const backfills = new Map<string, ListedBackfill>();
  let cursor: string | null = null;
  for (let page = 0; page < pages; page++) {
    const query = { ...set(filters), limit: PAGE, ...(cursor === null ? {} : { cursor }) };
    const answer: Schemas['BackfillPage'] = await ask(hive.GET('/v1/backfills', { params: { query }, signal }));
    // one that began between two requests pushes another onto the next page
    for (const backfill of answer.backfills) backfills.set(backfill.run_id, backfill);
    cursor = answer.has_more ? answer.next_cursor : null;
    if (cursor === null) break;
  }
  return { backfills: [...backfills.values()], hasMore: cursor !== null, pages, at: new Date().toISOString() };
}

function set({ status, node_id, attempt_id }: BackfillFilters) {
  return {
    ...(status !== undefined && { status }),
    ...(node_id !== undefined && { node_id }),
    ...(attempt_id !== undefined && { attempt_id }),
  };
}

/** What a query in the address says; what is no value of a filter is no filter. */
export function filtersOf(query: Readonly<Record<string, string | undefined>>): BackfillFilters {
  const { status, node_id, attempt_id } = query;
  return {
    status: STATUSES.find((known) => known === status),
    node_id: node_id === '' ? undefined : node_id,
    attempt_id: attempt_id === '' ? undefined : attempt_id,
  };
}
