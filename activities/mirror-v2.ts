/** Mirrors from a node of protocol version 2: first its description, then the lines that the hive lacks. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackfillType } from '../backfills/definitions.js';
import { NodeRequestError, type LogsEnd } from '../gateway/interface.js';
import { pagesRejected } from '../gateway/metrics.js';
import { PageError } from '../protocol/page.js';
import { adoptEmptyEpoch, markGap, setAside } from '../prisma/queries/execution-flags.js';
import { listExecutionsToPull, type ExecutionToPull } from '../prisma/queries/list-executions-to-pull.js';
import type { Mirror, Mirrored } from './mirror.js';
import { mirrorDescription } from './mirror-description.js';
import { PageRefusedError, StoringPages } from './storing-pages.js';

const EXECUTIONS_AT_ONCE = 100;
/** How many times a node that can't read an execution is asked before the execution is set aside. */
const READ_TRIES = 3;
const READ_RETRY_MS = 1000;

/** One step: stores the node's description of the attempt, then pulls what is missing. */
export async function mirrorV2(mirror: Mirror, type: BackfillType): Promise<Mirrored> {
  const { changed } = type === 'logs' ? { changed: false } : await mirrorDescription(mirror);
  return { changed, finished: type === 'executions' || (await pullLogs(mirror)) };
}

/**
 * Pulls one execution after another, each from its last stored line on.
 * @returns false if the step's time was up before everything was pulled
 */
async function pullLogs(mirror: Mirror): Promise<boolean> {
  const tries = new Map<string, number>();
  for (;;) {
    const executions = await listExecutionsToPull(mirror.database, mirror.attemptId, EXECUTIONS_AT_ONCE);
    let isDone = executions.length < EXECUTIONS_AT_ONCE;
    for (const execution of executions) {
      if (Date.now() >= mirror.until) return false;
      const pull = await pullExecution(mirror, execution);
      if (pull === 'done') continue;
      isDone = false;
      if (pull === 'time_up') continue;
      const count = (tries.get(execution.executionId) ?? 0) + 1;
      tries.set(execution.executionId, count);
      if (count >= READ_TRIES)
        await setAside(mirror.database, mirror.connection.session, execution.executionId, pull.reason);
      else await lookAgain(mirror, pull.reason);
    }
    if (isDone) return true; // settling the attempt sees what came since
  }
}

type Pull = 'done' | 'time_up' | { reason: string };

async function pullExecution(mirror: Mirror, execution: ExecutionToPull): Promise<Pull> {
  const { database, connection } = mirror;
  const { executionId, declaredLines, status } = execution;
  if (declaredLines === 0 && status !== 'running') {
    await adoptEmptyEpoch(database, connection.session, executionId);
    return 'done';
  }
  try {
    const pages = await pullPages(mirror, execution);
    return pages === 'time_up' ? pages : await judgeEnd(mirror, execution, pages);
  } catch (error) {
    if (error instanceof PageError) {
      pagesRejected.inc({ reason: error.code });
      return { reason: `page_${error.code}` };
    }
    if (error instanceof PageRefusedError) return { reason: error.code };
    if (error instanceof NodeRequestError && ['internal', 'not_found', 'not_shared', 'protocol'].includes(error.code)) {
      return { reason: error.code === 'not_found' ? 'not_found_at_node' : `unreadable_at_node_${error.code}` };
    }
    throw error;
  }
}

interface ReadToEnd {
  end: LogsEnd;
  /** The last line that the hive has now. */
  stored: number;
}

async function pullPages(
  mirror: Mirror,
  { executionId, storedLines }: ExecutionToPull,
): Promise<ReadToEnd | 'time_up'> {
  const pages = mirror.connection.readLogs(executionId, storedLines, mirror.signal);
  const storing = new StoringPages(mirror, storedLines);
  try {
    for (;;) {
      const next = await pages.next();
      if (next.done) return { end: next.value, stored: await storing.all() };
      await storing.add(next.value);
      if (Date.now() >= mirror.until) {
        await storing.all();
        return 'time_up';
      }
    }
  } finally {
    await storing.all().catch(() => undefined); // already thrown above
    await pages.return({ logLines: 0, logEpoch: 0, status: 'running' }); // leaving early tells the node to stop
  }
}

/** @returns `done` if the read ended as the description promised and all of it is stored; otherwise the reason */
async function judgeEnd(mirror: Mirror, execution: ExecutionToPull, { end, stored }: ReadToEnd): Promise<Pull> {
  if (end.logEpoch !== execution.logEpoch || end.status !== execution.status) return { reason: 'changed_at_node' };
  if (stored > end.logLines) return { reason: 'hive_has_more_lines' };
  if (stored < end.logLines) return { reason: 'lines_missing_at_node' };
  if (execution.status === 'running') {
    await markGap(mirror.database, mirror.connection.session, execution.executionId, false);
    return 'done';
  }
  return end.logLines === execution.declaredLines ? 'done' : { reason: 'changed_at_node' };
}

async function lookAgain(mirror: Mirror, reason: string): Promise<void> {
  if (reason.startsWith('unreadable_at_node')) await sleep(READ_RETRY_MS);
  await mirrorDescription(mirror, true);
}
