/** Which pages of which attempts may have the words that a search is for. */
import { Prisma } from '../../database.js';
import type { OrganizationScope } from '../../organization-scope.js';
import { attemptConditions, type AttemptFilter } from '../attempt-filter.js';
import { FILTERED_TABLES } from '../find-attempt.js';
import { IS_OF_PAGE } from './page-filters.js';

/** What a filter is asked for one word: its equation for each of the filters' seeds (search/ribbon.ts). */
export interface WordProbe {
  /** Filters without short numbers can't say anything about it. */
  isShortNumber: boolean;
  starts: number[];
  /** 64 bits each, as text. */
  coefficients: string[];
  prints: number[];
}

/** Attempts between two arrivals, both exclusive; undefined: from the newest, or to the oldest. */
export interface SearchedAttempts {
  filter: AttemptFilter;
  before: bigint | undefined;
}

export interface SearchedRange extends SearchedAttempts {
  /** How many attempts to look at. */
  limit: number;
  probes: readonly WordProbe[];
}

/** A page that may have the words. */
export interface CandidatePage {
  firstSeq: number;
  lastSeq: number;
  rawBytes: number;
}

/** An execution's pages that may have the words, in order. */
export interface CandidateLog {
  attemptId: string;
  arrival: bigint;
  executionId: string;
  ordinal: number;
  pages: CandidatePage[];
}

export interface Candidates {
  /** The newest attempt first, its executions in order. */
  logs: CandidateLog[];
  /** How many attempts and pages the filters were asked about. */
  attempts: number;
  pages: number;
  /** The newest and the oldest of the attempts; null if there was none. */
  newest: bigint | null;
  oldest: bigint | null;
}

type Row = Omit<CandidateLog, 'pages'> & Omit<Candidates, 'logs'> & { candidates: [number, number, number][] | null };

/**
 * Asks the filters of the pages of some attempts. If an execution has pages without a filter, all of its pages are
 * listed from the pages themselves, and those without one are candidates.
 */
export async function findCandidates(scope: OrganizationScope, range: SearchedRange): Promise<Candidates> {
  const { limit, probes } = range;
  const mayMatch = Prisma.sql`(f.bits IS NULL OR (${Prisma.join([Prisma.sql`true`, ...probes.map(mayHave)], ' AND ')}))`;
  const candidates = Prisma.sql`
    array_agg(ARRAY[first_seq, last_seq, raw_bytes] ORDER BY first_seq) FILTER (WHERE may_match) AS candidates`;
  const rows = await scope.query<Row>(Prisma.sql`
    WITH attempts AS MATERIALIZED (
      SELECT a.id, a.arrival FROM ${attemptsOf(scope, range)} ORDER BY a.arrival DESC LIMIT ${limit}
    ), logs AS MATERIALIZED (
      SELECT a.arrival, e.attempt_id, e.id, e.ordinal, e.stored_epoch, e.stored_lines
      FROM attempts a JOIN execution e ON e.attempt_id = a.id WHERE e.stored_lines > 0
    ), asked AS MATERIALIZED (
      SELECT l.id, f.first_seq, f.last_seq, f.raw_bytes, ${mayMatch} AS may_match
      FROM logs l JOIN page_filter f ON f.execution_id = l.id AND f.log_epoch = l.stored_epoch
    ), by_filter AS MATERIALIZED (
      SELECT id, count(*)::int AS pages, sum(last_seq - first_seq + 1) AS lines, ${candidates} FROM asked GROUP BY id
    ), listed AS MATERIALIZED (
      SELECT l.id, p.first_seq, p.last_seq, p.raw_bytes, ${mayMatch} AS may_match
      FROM logs l
      LEFT JOIN by_filter b ON b.id = l.id
      JOIN log_page p ON p.execution_id = l.id AND p.log_epoch = l.stored_epoch
      LEFT JOIN page_filter f ON ${IS_OF_PAGE}
      WHERE b.lines IS DISTINCT FROM l.stored_lines
    ), found AS (
      SELECT l.id, b.pages, b.candidates FROM logs l JOIN by_filter b ON b.id = l.id WHERE b.lines = l.stored_lines
      UNION ALL
      SELECT id, count(*)::int, ${candidates} FROM listed GROUP BY id
    ), totals AS (
      SELECT (SELECT count(*)::int FROM attempts) AS attempts, (SELECT max(arrival) FROM attempts) AS newest,
             (SELECT min(arrival) FROM attempts) AS oldest, (SELECT coalesce(sum(pages), 0)::int FROM found) AS pages
    )
    SELECT totals.*, l.attempt_id AS "attemptId", l.arrival, l.id AS "executionId", l.ordinal, found.candidates
    FROM totals
    LEFT JOIN (found JOIN logs l ON l.id = found.id) ON found.candidates IS NOT NULL
    ORDER BY l.arrival DESC, l.ordinal`);
  const { attempts, pages, newest, oldest } = rows[0] ?? { attempts: 0, pages: 0, newest: null, oldest: null };
  return { attempts, pages, newest, oldest, logs: rows.flatMap(toLog) };
}

function toLog({ attemptId, arrival, executionId, ordinal, candidates }: Row): CandidateLog[] {
  if (candidates === null) return [];
  const pages = candidates.map(([firstSeq, lastSeq, rawBytes]) => ({ firstSeq, lastSeq, rawBytes }));
  return [{ attemptId, arrival, executionId, ordinal, pages }];
}

function attemptsOf({ organizationId }: OrganizationScope, { filter, before }: SearchedAttempts): Prisma.Sql {
  const conditions = [
    Prisma.sql`a.organization_id = ${organizationId}::uuid`,
    ...attemptConditions(filter),
    ...(before === undefined ? [] : [Prisma.sql`a.arrival < ${before}::bigint`]),
  ];
  return Prisma.sql`${FILTERED_TABLES} WHERE ${Prisma.join(conditions, ' AND ')}`;
}

const COLUMNS = [0, 1, 2, 3, 4, 5, 6, 7];

/** Condition on a filter `f` with bits: it may have the word. Most filters fail at the first or second column. */
function mayHave({ isShortNumber, starts, coefficients, prints }: WordProbe): Prisma.Sql {
  const first = Prisma.sql`(1 + (((${starts}::bigint[])[f.seed + 1] * (f.slots - 63)) >> 32))::int`;
  const coefficient = Prisma.sql`(${coefficients}::bit(64)[])[f.seed + 1]`;
  const print = Prisma.sql`(${prints}::int[])[f.seed + 1]`;
  const fits = COLUMNS.map((number) => {
    const column = Prisma.raw(String(number));
    return Prisma.sql`
      (f.columns <= ${column} OR
       (bit_count(substring(f.bits, ${column} * f.slots + ${first}, 64) & ${coefficient}) & 1) = ((${print} >> ${column}) & 1))`;
  });
  const has = Prisma.sql`(${Prisma.join(fits, ' AND ')})`;
  return isShortNumber ? Prisma.sql`(NOT f.has_short_numbers OR ${has})` : has;
}

/** Counts the pages of attempts, and of them those that arrived before one of them. */
export async function countSearchedPages(
  scope: OrganizationScope,
  attempts: SearchedAttempts,
  restBefore: bigint,
): Promise<{ pages: number; rest: number }> {
  const [row] = await scope.query<{ pages: number; rest: number }>(Prisma.sql`
    SELECT count(*)::int AS pages, count(*) FILTER (WHERE found.arrival < ${restBefore}::bigint)::int AS rest
    FROM (SELECT a.id, a.arrival FROM ${attemptsOf(scope, attempts)}) found
    JOIN execution e ON e.attempt_id = found.id
    JOIN log_page p ON p.execution_id = e.id AND p.log_epoch = e.stored_epoch`);
  return row ?? { pages: 0, rest: 0 };
}
