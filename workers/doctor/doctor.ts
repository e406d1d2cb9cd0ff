/** Checks everything that the hive has stored again, and repairs what a backfill can bring back. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../prisma/database.js';
import { listAttemptIds, listClaimedLogs, type ClaimedLog } from '../../prisma/queries/examine-log.js';
import { countAbsentNodes } from '../../prisma/queries/count-absent-nodes.js';
import { listMisjudged, recomputeAttempt } from '../../prisma/queries/attempt-state.js';
import { examineSurely, isSound, type Examination } from './examine-log.js';
import type { Finding, Outcome } from './finding.js';
import { forgetKeptPages, isWhole, repairLog, whyUnhealable } from './repair-log.js';

export interface DoctorOptions {
  /** Examines only this attempt. */
  attemptId?: string;
  /** Changes nothing. */
  dryRun: boolean;
  onFinding: (finding: Finding) => void;
  onLines?: (lines: number) => void;
}

export interface Summary {
  attempts: number;
  executions: number;
  pages: number;
  lines: number;
  findings: number;
  repaired: number;
  /** Nodes that are not connected. What only they know to be missing (see docs/protocol.md, markers) shows when they are. */
  absentNodes: number;
}

const BATCH = 500;
/** A log that changed this many times during its repair is left to the next run. */
const MAX_REPAIRS = 3;
/** A state can lag behind its lines until the next statement has run. */
const STATE_SETTLES_MS = 1000;

export async function examineHive(db: Database, options: DoctorOptions): Promise<Summary> {
  const summary: Summary = { attempts: 0, executions: 0, pages: 0, lines: 0, findings: 0, repaired: 0, absentNodes: 0 };
  const report = (finding: Finding) => {
    summary.findings++;
    if (finding.outcome === 'repaired') summary.repaired++;
    options.onFinding(finding);
  };
  await examineLogs(db, options, summary, report);
  await examineStates(db, options, summary, report);
  summary.absentNodes = await countAbsentNodes(db);
  return summary;
}

type Report = (finding: Finding) => void;

async function examineLogs(db: Database, options: DoctorOptions, summary: Summary, report: Report): Promise<void> {
  const { attemptId, onLines = () => undefined } = options;
  let after: ClaimedLog | undefined;
  for (;;) {
    const logs = await listClaimedLogs(db, attemptId, after, BATCH);
    for (const log of logs) {
      const examination = await examineSurely(db, log, onLines);
      if (!examination) continue;
      summary.executions++;
      summary.pages += examination.pages;
      summary.lines += examination.soundLines;
      if (!isSound(examination)) await repairAndReport(db, examination, options, report);
      else if (examination.log.keptPages > 0) await settleKept(db, examination.log, options, report);
    }
    after = logs.at(-1);
    if (logs.length < BATCH) return;
  }
}

async function repairAndReport(db: Database, found: Examination, { dryRun }: DoctorOptions, report: Report) {
  let examination: Examination | undefined = found;
  for (let tries = 0; examination && !isSound(examination); tries++) {
    const unhealable = examination.broken && whyUnhealable(examination.log);
    const giveUp = unhealable !== undefined || tries === MAX_REPAIRS;
    const outcome: Outcome = giveUp ? 'not_repaired' : dryRun ? 'would_repair' : 'repaired';
    if (giveUp || dryRun || (await repairLog(db, examination))) {
      reportLog(examination, outcome, unhealable ?? (giveUp ? 'log_keeps_changing' : undefined), report);
      return;
    }
    examination = await examineSurely(db, examination.log, () => undefined);
  }
}

function reportLog(examination: Examination, outcome: Outcome, reason: Finding['reason'], report: Report): void {
  const { log, broken, corrections, isMiscounted } = examination;
  const { attemptId, executionId, attemptState, isPaused } = log;
  const common = { attemptId, executionId, outcome, ...(reason !== undefined && { reason }) };
  if (broken) {
    const { code, detail, firstSeq, lastSeq } = broken;
    report({
      ...common,
      code,
      firstSeq,
      lastSeq,
      soundLines: examination.soundLines,
      ...(detail !== undefined && { detail }),
      ...(outcome !== 'not_repaired' && { nodeMayHavePruned: attemptState === 'complete', isPaused }),
    });
  }
  if (isMiscounted) report({ ...common, code: 'execution_miscounted' });
  if (corrections.length > 0) report({ ...common, code: 'pages_miscounted', pages: corrections.length });
  if (log.orphanPages > 0) report({ ...common, code: 'orphan_pages', pages: log.orphanPages });
}

/** Deals with the pages that an earlier run kept: they are removed once their lines are there again. */
async function settleKept(db: Database, log: ClaimedLog, { dryRun }: DoctorOptions, report: Report): Promise<void> {
  if (isWhole(log)) {
    if (!dryRun) await forgetKeptPages(db, log);
    return;
  }
  const { attemptId, executionId, keptPages: pages } = log;
  const reason = whyUnhealable(log) ?? 'waits_for_backfill';
  report({
    attemptId,
    executionId,
    code: 'not_healed',
    pages,
    outcome: 'not_repaired',
    reason,
    isPaused: log.isPaused,
  });
}

async function examineStates(db: Database, options: DoctorOptions, summary: Summary, report: Report): Promise<void> {
  let after: string | undefined;
  for (;;) {
    const ids = await listAttemptIds(db, options.attemptId, after, BATCH);
    summary.attempts += ids.length;
    const suspects = await listMisjudged(db, ids);
    if (suspects.length > 0) {
      await sleep(STATE_SETTLES_MS);
      const misjudged = await listMisjudged(
        db,
        suspects.map((suspect) => suspect.attemptId),
      );
      for (const { attemptId } of misjudged) {
        if (!options.dryRun) await recomputeAttempt(db, attemptId);
        report({ attemptId, code: 'state_wrong', outcome: options.dryRun ? 'would_repair' : 'repaired' });
      }
    }
    after = ids.at(-1);
    if (ids.length < BATCH) return;
  }
}
