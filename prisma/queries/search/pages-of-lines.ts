/** The pages that have some lines of a log now. One statement sees one state: compaction joins pages at any time. */
import type { OutputType } from '../../../protocol/page.js';
import { Prisma } from '../../database.js';
import type { ScopedStatements } from '../../organization-scope.js';
import { LINES_OF } from '../read-log.js';

/** Lines of an execution's present log, whichever its epoch is. */
interface Log {
  executionId: string;
  direction: 'forward' | 'backward';
  /** Pages without such lines have nothing to read. */
  outputType?: OutputType | undefined;
}

interface Lines {
  firstSeq: number;
  lastSeq: number;
}

export interface LinesToRead extends Log {
  /** In ascending order, apart from each other. */
  ranges: readonly Lines[];
  /** Maximum size of the pages, unzipped; one page is always read. */
  rawBytes: number;
}

export interface PagesOfLines {
  /** How many lines the log has. */
  storedLines: number;
  /** In the direction's order. Without gzip: the page has no line of the type. */
  pages: (Lines & { gzip: Buffer | null })[];
  /** Whether the lines have more pages than these. */
  more: boolean;
}

type Row = { storedLines: number; found: number; gzip: string | null } & (Lines | { firstSeq: null; lastSeq: null });

/** @returns undefined if the organisation has no such execution */
export async function readPagesOfLines(
  scope: ScopedStatements,
  { executionId, direction, outputType, ranges, rawBytes }: LinesToRead,
): Promise<PagesOfLines | undefined> {
  const order = orderOf(direction);
  const isWanted = outputType ? Prisma.sql`p.${LINES_OF[outputType]} > 0` : Prisma.sql`true`;
  const wantedBytes = Prisma.sql`CASE WHEN is_wanted THEN raw_bytes ELSE 0 END`;
  const rows = await scope.query<Row>(Prisma.sql`
    WITH log AS MATERIALIZED (${logOf(scope, executionId)}), ranges AS (
      SELECT first_seq, last_seq, lag(last_seq, 1, 0) OVER (ORDER BY first_seq) AS before
      FROM unnest(${ranges.map(({ firstSeq }) => firstSeq)}::int[], ${ranges.map(({ lastSeq }) => lastSeq)}::int[])
        AS r (first_seq, last_seq)
    ), found AS (
      SELECT p.first_seq, p.last_seq, p.raw_bytes, p.gzip, ${isWanted} AS is_wanted
      FROM log CROSS JOIN ranges r CROSS JOIN LATERAL (${pagesOf(Prisma.sql`r.first_seq`, Prisma.sql`r.last_seq`)}) p
      WHERE p.first_seq > r.before -- a page that has lines of two ranges is found by the first
    ), sized AS (
      SELECT *, sum(${wantedBytes}) OVER (ORDER BY first_seq ${order}) - ${wantedBytes} AS bytes_before,
             (count(*) OVER ())::int AS found
      FROM found
    )
    SELECT log.stored_lines AS "storedLines", s.found, s.first_seq AS "firstSeq", s.last_seq AS "lastSeq",
           CASE WHEN s.is_wanted THEN encode(s.gzip, 'base64') END AS gzip
    FROM log LEFT JOIN sized s ON s.bytes_before < ${rawBytes}
    ORDER BY s.first_seq ${order}`);
  const [row] = rows;
  if (!row) return undefined;
  const pages = rows.flatMap(({ firstSeq, lastSeq, gzip }) =>
    // base64 takes half the time and memory that the driver's hexadecimal form does
    firstSeq === null ? [] : [{ firstSeq, lastSeq, gzip: gzip === null ? null : Buffer.from(gzip, 'base64') }],
  );
  return { storedLines: row.storedLines, pages, more: pages.length < row.found };
}

export interface ListedPage extends Lines {
  /** Unzipped; 0 if the page has no line of the type. */
  rawBytes: number;
}

/** Lists the first pages of a range in the direction's order, without their gzip. */
export async function listPagesOfLines(
  scope: ScopedStatements,
  { executionId, direction, outputType, firstSeq, lastSeq, limit }: Log & Lines & { limit: number },
): Promise<ListedPage[]> {
  const rawBytes = outputType
    ? Prisma.sql`CASE WHEN p.${LINES_OF[outputType]} > 0 THEN p.raw_bytes ELSE 0 END`
    : Prisma.sql`p.raw_bytes`;
  return scope.query(Prisma.sql`
    WITH log AS MATERIALIZED (${logOf(scope, executionId)})
    SELECT p.first_seq AS "firstSeq", p.last_seq AS "lastSeq", ${rawBytes} AS "rawBytes"
    FROM log CROSS JOIN LATERAL (${pagesOf(Prisma.sql`${firstSeq}::int`, Prisma.sql`${lastSeq}::int`)}) p
    ORDER BY p.first_seq ${orderOf(direction)} LIMIT ${limit}`);
}

const orderOf = (direction: Log['direction']) => (direction === 'forward' ? Prisma.empty : Prisma.sql`DESC`);

const logOf = ({ organizationId }: ScopedStatements, executionId: string) => Prisma.sql`
  SELECT e.id, e.stored_epoch, e.stored_lines
  FROM execution e JOIN attempt a ON a.id = e.attempt_id
  WHERE e.id = ${executionId}::uuid AND a.organization_id = ${organizationId}::uuid`;

/** The pages of `log` that have lines of a range, found by their key: the range may be the end of a long log. */
function pagesOf(firstSeq: Prisma.Sql, lastSeq: Prisma.Sql): Prisma.Sql {
  const ofLog = Prisma.sql`execution_id = log.id AND log_epoch = log.stored_epoch`;
  const before = Prisma.sql`
    SELECT first_seq FROM log_page WHERE ${ofLog} AND first_seq <= ${firstSeq} ORDER BY first_seq DESC LIMIT 1`;
  return Prisma.sql`
    SELECT * FROM log_page
    WHERE ${ofLog} AND first_seq >= coalesce((${before}), ${firstSeq}) AND first_seq <= ${lastSeq} AND last_seq >= ${firstSeq}`;
}
