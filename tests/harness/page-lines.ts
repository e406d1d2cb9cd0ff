import type { Database } from '../../prisma/database.js';
import { readPage, type LogLine, type NumberedPage } from '../../protocol/page.js';

/** @returns the page's lines, parsed */
export async function linesOfPage(page: NumberedPage): Promise<LogLine[]> {
  const lines = await readPage(page, { fromSeq: page.firstSeq, toSeq: page.lastSeq });
  return lines.map(({ json }) => JSON.parse(json) as LogLine);
}

/** A page as in the database. */
export interface PageRow {
  firstSeq: number;
  lastSeq: number;
  gzip: Uint8Array;
}

export async function linesOfRows(rows: PageRow[]): Promise<LogLine[]> {
  const pages = rows.map(({ gzip, firstSeq, lastSeq }) => ({ gzip: Buffer.from(gzip), firstSeq, lastSeq }));
  return (await Promise.all(pages.map(linesOfPage))).flat();
}

/** @returns the lines that the hive has stored of an execution, as a reader gets them */
export async function storedLinesOf(database: Database, executionId: string): Promise<LogLine[]> {
  const { logEpoch } = await database.execution.findUniqueOrThrow({ where: { id: executionId } });
  return linesOfRows(
    await database.logPage.findMany({ where: { executionId, logEpoch }, orderBy: { firstSeq: 'asc' } }),
  );
}
