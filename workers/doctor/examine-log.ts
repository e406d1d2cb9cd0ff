/** Checks whether the pages of one stored log are what the execution's row says, in bounded memory. */
import type { Database, Queryable } from '../../prisma/database.js';
import {
  findClaimedLog,
  listPagesToExamine,
  type ClaimedLog,
  type ExaminedPage,
} from '../../prisma/queries/examine-log.js';
import type { LineCounts, PageCorrection } from '../../prisma/queries/repair-log.js';
import { checkPage, PageError, type PageContent } from '../../protocol/page.js';

/** The place from which a log can't be trusted. */
export interface Break {
  code: 'page_damaged' | 'pages_missing' | 'pages_overlap' | 'pages_beyond_mark';
  /** Why a page can't be read: a code and numbers, never content. */
  detail?: string;
  firstSeq: number;
  lastSeq: number;
  /** The first page that no longer counts; neither do those after it. Absent if there is none. */
  pageFirstSeq?: number;
}

export interface Examination {
  log: ClaimedLog;
  /** Lines 1..soundLines are there and sound. */
  soundLines: number;
  /** The sound lines by type, counted one by one. */
  lineCounts: LineCounts;
  pages: number;
  /** The last sound page; 0 if there is none. */
  lastPageFirstSeq: number;
  broken?: Break;
  /** The sound pages whose own counts are wrong, up to {@link MAX_CORRECTIONS} of them. */
  corrections: PageCorrection[];
  /** Whether the execution's counts differ from those of its pages. */
  isMiscounted: boolean;
}

const MAX_CORRECTIONS = 1000;
/** How long a log of about 100 million lines takes. */
const SNAPSHOT_TIMEOUT_MS = 15 * 60_000;

/** Where an examination continues. */
export type ExaminedSoFar = Pick<Examination, 'soundLines' | 'lineCounts' | 'lastPageFirstSeq'>;

export const NOTHING_EXAMINED: ExaminedSoFar = {
  soundLines: 0,
  lineCounts: { stdout: 0, stderr: 0, system: 0 },
  lastPageFirstSeq: 0,
};

export function isSound({ broken, corrections, isMiscounted, log }: Examination): boolean {
  return broken === undefined && corrections.length === 0 && !isMiscounted && log.orphanPages === 0;
}

/**
 * Examines a log as it was listed. If it looks wrong, it may have changed meanwhile: it is examined again in one
 * snapshot.
 * @returns undefined if the log is gone
 */
export async function examineSurely(
  db: Database,
  log: ClaimedLog,
  onLines: (lines: number) => void,
): Promise<Examination | undefined> {
  const examination = await examineLog(db, log, NOTHING_EXAMINED, onLines);
  if (isSound(examination)) return examination;
  return db.$transaction(
    async (tx) => {
      const current = await findClaimedLog(tx, log.executionId);
      return current && examineLog(tx, current, NOTHING_EXAMINED);
    },
    { snapshot: true, answerMs: SNAPSHOT_TIMEOUT_MS },
  );
}

/** Goes through the pages up to the first break. */
export async function examineLog(
  db: Queryable,
  log: ClaimedLog,
  start: ExaminedSoFar,
  onLines?: (lines: number) => void,
): Promise<Examination> {
  const examination: Examination = {
    ...start,
    log,
    lineCounts: { ...start.lineCounts },
    pages: 0,
    corrections: [],
    isMiscounted: false,
  };
  for (;;) {
    const { lastPageFirstSeq } = examination;
    const pages = await listPagesToExamine(db, log.executionId, log.storedEpoch, lastPageFirstSeq);
    if (pages.length === 0) break;
    for (const page of pages) {
      const result = await judgePage(log, examination.soundLines + 1, page);
      if ('code' in result) return { ...examination, broken: result };
      countPage(examination, page, result);
      onLines?.(page.lastSeq - page.firstSeq + 1);
    }
  }
  if (examination.soundLines < log.storedLines) {
    const firstSeq = examination.soundLines + 1;
    return { ...examination, broken: { code: 'pages_missing', firstSeq, lastSeq: log.storedLines } };
  }
  const { stdout, stderr, system } = examination.lineCounts;
  examination.isMiscounted = stdout !== log.stdoutLines || stderr !== log.stderrLines || system !== log.systemLines;
  return examination;
}

async function judgePage(log: ClaimedLog, expectedSeq: number, page: ExaminedPage): Promise<PageContent | Break> {
  const { firstSeq, lastSeq, gzip } = page;
  const broken = { firstSeq, lastSeq, pageFirstSeq: firstSeq };
  if (firstSeq > expectedSeq) return { ...broken, code: 'pages_missing', firstSeq: expectedSeq, lastSeq: firstSeq - 1 };
  if (firstSeq < expectedSeq) return { ...broken, code: 'pages_overlap' };
  if (lastSeq > log.storedLines) return { ...broken, code: 'pages_beyond_mark' };
  try {
    return await checkPage(gzip, firstSeq, lastSeq);
  } catch (error) {
    if (!(error instanceof PageError)) throw error;
    return { ...broken, code: 'page_damaged', detail: error.message };
  }
}

function countPage(examination: Examination, page: ExaminedPage, { rawBytes, lineCounts }: PageContent): void {
  examination.pages++;
  examination.soundLines = page.lastSeq;
  examination.lastPageFirstSeq = page.firstSeq;
  for (const type of ['stdout', 'stderr', 'system'] as const) examination.lineCounts[type] += lineCounts[type];
  const isTrue =
    page.rawBytes === rawBytes &&
    page.stdoutLines === lineCounts.stdout &&
    page.stderrLines === lineCounts.stderr &&
    page.systemLines === lineCounts.system;
  if (!isTrue && examination.corrections.length < MAX_CORRECTIONS)
    examination.corrections.push({ firstSeq: page.firstSeq, lineCounts, rawBytes });
}
