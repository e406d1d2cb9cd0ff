import type { Break } from './examine-log.js';
import type { Unhealable } from './repair-log.js';

export type Outcome = 'repaired' | 'would_repair' | 'not_repaired';

/** Something that is wrong, and what was done about it. Ids, codes and positions, never content. */
export interface Finding {
  code:
    | Break['code']
    | 'execution_miscounted'
    | 'pages_miscounted'
    | 'orphan_pages'
    /** An earlier run's repair whose lines have not come back yet. */
    | 'not_healed'
    | 'state_wrong';
  attemptId: string;
  executionId?: string;
  outcome: Outcome;
  reason?: Unhealable | 'log_keeps_changing' | 'waits_for_backfill';
  /** The lines that are damaged or missing. */
  firstSeq?: number;
  lastSeq?: number;
  /** The number of lines before, which stay. */
  soundLines?: number;
  pages?: number;
  detail?: string;
  /** The node was told that the hive has everything, and may have removed the attempt since. */
  nodeMayHavePruned?: boolean;
  /** Someone cancelled the attempt's backfills: it heals only if someone starts one. */
  isPaused?: boolean;
}

/** @returns the finding as one line for people */
export function describeFinding(finding: Finding): string {
  const { attemptId, executionId } = finding;
  const where = `attempt ${attemptId}${executionId === undefined ? '' : ` execution ${executionId}`}`;
  return `${where}: ${whatIsWrong(finding)}; ${whatCameOfIt(finding)}`;
}

function whatIsWrong({ code, firstSeq = 0, lastSeq = 0, detail = '', pages = 0 }: Finding): string {
  const lines = `lines ${firstSeq} to ${lastSeq}`;
  switch (code) {
    case 'page_damaged':
      return `the page of ${lines} is damaged (${detail})`;
    case 'pages_missing':
      return `${lines} are missing`;
    case 'pages_overlap':
      return `the page of ${lines} overlaps the one before`;
    case 'pages_beyond_mark':
      return `the page of ${lines} goes beyond what the execution counts as stored`;
    case 'execution_miscounted':
      return 'its counts of stdout, stderr and system lines are wrong';
    case 'pages_miscounted':
      return `${pages} pages have wrong counts of their own lines`;
    case 'orphan_pages':
      return `${pages} pages belong to another epoch`;
    case 'not_healed':
      return `${pages} pages are still kept from an earlier repair, because their lines have not come back yet`;
    case 'state_wrong':
      return "its state does not match the hive's lines";
  }
}

const REASONS: Record<NonNullable<Finding['reason']>, string> = {
  attempt_unavailable: 'it cannot heal: the node no longer has or shares the attempt',
  execution_gone_from_node: 'it cannot heal: the node no longer has the execution',
  log_keeps_changing: 'it kept changing; run doctor again',
  waits_for_backfill: 'a backfill still has to bring them',
};

function whatCameOfIt({ outcome, reason, soundLines, nodeMayHavePruned, isPaused }: Finding): string {
  const paused = isPaused ? '; its backfills were cancelled: start one with `hive backfill`' : '';
  if (outcome === 'not_repaired') return `${reason ? REASONS[reason] : 'not repaired'}${paused}`;
  const done = outcome === 'repaired' ? 'repaired' : 'would be repaired';
  if (soundLines === undefined) return done;
  const pruned = nodeMayHavePruned ? '; the node may have pruned the attempt, and then it becomes unavailable' : '';
  return `${done}: ${soundLines} lines stay, a backfill brings the rest${pruned}${paused}`;
}
