/** The pages that lack a filter, and how filters are stored. */
import type { NumberedPage } from '../../../protocol/page.js';
import { Prisma, type Queryable } from '../../database.js';
import { joinBytes } from '../store-page.js';

export interface PageKey {
  executionId: string;
  logEpoch: number;
  firstSeq: number;
}

export interface FilterlessPage extends PageKey {
  lastSeq: number;
  rawBytes: number;
}

/** Condition on a page `p` and a filter `f`: it was made of what the page is now. */
export const IS_OF_PAGE = Prisma.sql`
  (f.execution_id = p.execution_id AND f.log_epoch = p.log_epoch AND f.first_seq = p.first_seq
   AND f.last_seq = p.last_seq AND f.raw_bytes = p.raw_bytes)`;

/** Pages of the executions' present logs, by execution and line. */
export function listPagesWithoutFilter(
  db: Queryable,
  executionIds: string[],
  after: PageKey | undefined,
  limit: number,
): Promise<FilterlessPage[]> {
  return db.$queryRaw`
    SELECT p.execution_id AS "executionId", p.log_epoch AS "logEpoch", p.first_seq AS "firstSeq", p.last_seq AS "lastSeq",
           p.raw_bytes AS "rawBytes"
    FROM execution e
    JOIN log_page p ON p.execution_id = e.id AND p.log_epoch = e.stored_epoch
    LEFT JOIN page_filter f ON ${IS_OF_PAGE}
    WHERE e.id = ANY (${executionIds}::uuid[]) AND e.attempt_id IS NOT NULL AND f.execution_id IS NULL
      ${after ? Prisma.sql`AND (p.execution_id, p.first_seq) > (${after.executionId}::uuid, ${after.firstSeq}::int)` : Prisma.empty}
    ORDER BY p.execution_id, p.first_seq LIMIT ${limit}`;
}

export type StoredPage = FilterlessPage & NumberedPage;

/** The pages as they are now; those that are gone are left out. */
export function readPages(db: Queryable, keys: readonly PageKey[]): Promise<StoredPage[]> {
  return db.$queryRaw`
    SELECT p.execution_id AS "executionId", p.log_epoch AS "logEpoch", p.first_seq AS "firstSeq", p.last_seq AS "lastSeq",
           p.raw_bytes AS "rawBytes", p.gzip
    FROM log_page p JOIN ${keysOf(keys)} ON (p.execution_id, p.log_epoch, p.first_seq) = (k.execution_id, k.log_epoch, k.first_seq)
    ORDER BY p.execution_id, p.first_seq`;
}

const keysOf = (keys: readonly PageKey[]) => Prisma.sql`
  unnest(${keys.map(({ executionId }) => executionId)}::uuid[], ${keys.map(({ logEpoch }) => logEpoch)}::int[],
         ${keys.map(({ firstSeq }) => firstSeq)}::int[]) AS k (execution_id, log_epoch, first_seq)`;

/** As search/page-filter.ts makes it. */
export interface StorableFilter {
  slots: number;
  columns: number;
  seed: number;
  hasShortNumbers: boolean;
  bits: Uint8Array;
}

/** A page and its filter; without one, every search opens the page. */
export interface MadeFilter {
  page: FilterlessPage;
  filter: StorableFilter | undefined;
}

/** Stores the filters of those pages that are still as they were. @returns how many it stored */
export async function storePageFilters(db: Queryable, made: readonly MadeFilter[]): Promise<number> {
  const { bytes, positions } = joinBytes(made.map(({ filter }) => ({ gzip: Buffer.from(filter?.bits ?? []) })));
  const ofPage = (pick: (page: FilterlessPage) => number) => made.map(({ page }) => pick(page));
  const ofFilter = <T>(pick: (filter: StorableFilter) => T) => made.map(({ filter }) => (filter ? pick(filter) : null));
  return db.$executeRaw`
    INSERT INTO page_filter (
      execution_id, log_epoch, first_seq, last_seq, raw_bytes, slots, columns, seed, has_short_numbers, bits)
    SELECT p.execution_id, p.log_epoch, p.first_seq, p.last_seq, p.raw_bytes, m.slots, m.columns, m.seed, m.short,
           CASE WHEN m.length IS NOT NULL
                THEN ('x' || encode(substr(${bytes}::bytea, m.position, m.length), 'hex'))::varbit END
    FROM unnest(
      ${made.map(({ page }) => page.executionId)}::uuid[], ${ofPage((page) => page.logEpoch)}::int[],
      ${ofPage((page) => page.firstSeq)}::int[], ${ofPage((page) => page.lastSeq)}::int[],
      ${ofPage((page) => page.rawBytes)}::int[], ${ofFilter(({ slots }) => slots)}::int[],
      ${ofFilter(({ columns }) => columns)}::smallint[], ${ofFilter(({ seed }) => seed)}::smallint[],
      ${ofFilter(({ hasShortNumbers }) => hasShortNumbers)}::boolean[],
      ${positions}::int[], ${ofFilter(({ bits }) => bits.length)}::int[]
    ) AS m (execution_id, log_epoch, first_seq, last_seq, raw_bytes, slots, columns, seed, short, position, length)
    JOIN log_page p ON (p.execution_id, p.log_epoch, p.first_seq, p.last_seq, p.raw_bytes)
      = (m.execution_id, m.log_epoch, m.first_seq, m.last_seq, m.raw_bytes)
    FOR KEY SHARE OF p
    ON CONFLICT (execution_id, log_epoch, first_seq) DO UPDATE SET
      last_seq = excluded.last_seq, raw_bytes = excluded.raw_bytes, slots = excluded.slots, columns = excluded.columns,
      seed = excluded.seed, has_short_numbers = excluded.has_short_numbers, bits = excluded.bits`;
}
