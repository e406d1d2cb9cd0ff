/** Mirrors from a node of protocol version 2: first its description, then the lines that the hive lacks. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackfillType, MirrorPosition } from '../backfills/definitions.js';
import { NodeRequestError, type LogsEnd } from '../gateway/interface.js';
import { pagesRejected } from '../gateway/metrics.js';
import { PageError } from '../protocol/page.js';
import { findDescription } from '../prisma/queries/description-parts.js';
import { adoptEmptyEpoch, countFailedRead, markGap } from '../prisma/queries/execution-flags.js';
import { listExecutionsToPull, type ExecutionToPull } from '../prisma/queries/list-executions-to-pull.js';
import type { Mirror, Mirrored } from './mirror.js';
import { mirrorDescription, type Described } from './mirror-description.js';
import { PageRefusedError, StoringPages } from './storing-pages.js';

const EXECUTIONS_AT_ONCE = 100;
/** How many times in a row an execution may be damaged or unreadable after the same line; then it is set aside. */
const READ_TRIES = 3;
const READ_RETRY_MS = 1000;
/** How many passes in a row may fail and store nothing. The backfill then leaves the rest to a later one. */
const IDLE_PASSES = 3;
const START: MirrorPosition = { isLookingAgain: false, after: 0, hasStored: false, idlePasses: 0 };

export interface StepV2 {
  type: BackfillType;
  /** It is the backfill's first step. */
  isFirst: boolean;
  /** Where the step before it ended. */
  position?: MirrorPosition | undefined;
}

/**
 * One step: stores the node's description of the attempt, unless an earlier step did and nothing has changed since,
 * then pulls what is missing. Each of the two may take as long as a step, so that a long description leaves time to
 * pull.
 */
export async function mirrorV2(mirror: Mirror, { type, isFirst, position = START }: StepV2): Promise<Mirrored> {
  const { changed, isWhole, parts } = await describeIfDue(mirror, { type, isFirst, position });
  if (!isWhole) return { finished: false, changed, isIdle: parts === 0, position };
  if (type === 'executions') return { finished: true, changed };
  const linesBefore = mirror.pulled.lines;
  const pulled = await pullLogs(mirror, position);
  return { ...pulled, changed, isIdle: parts === 0 && mirror.pulled.lines === linesBefore };
}

async function describeIfDue(
  mirror: Mirror,
  { type, isFirst, position }: StepV2 & { position: MirrorPosition },
): Promise<Described> {
  const isDoubted = position.isLookingAgain;
  if (isDoubted || type !== 'logs') {
    const known = isFirst ? undefined : await findDescription(mirror.database, mirror.attemptId);
    if (isDoubted || !known?.isDescribed) return mirrorDescription(mirror, { known, isDoubted });
  }
  return { isWhole: true, changed: false, parts: 0 };
}

/**
 * Pulls one execution after another, each from its last stored line on. If a reading fails, the others go on; when all
 * have had their turn, the next step asks for a new description and begins another pass, because the node may have
 * changed since it described them.
 */
async function pullLogs(
  mirror: Mirror,
  from: MirrorPosition,
): Promise<Pick<Mirrored, 'finished' | 'position' | 'failure'>> {
  const { isOver, ...position } = await pullPass(mirror, { ...from, isLookingAgain: false });
  if (!isOver) return { finished: false, position };
  const { failure, hasStored } = position;
  if (failure === undefined) return { finished: true }; // settling the attempt sees what came since
  const idlePasses = hasStored ? 0 : position.idlePasses + 1;
  if (idlePasses >= IDLE_PASSES) return { finished: true, failure };
  if (failure.startsWith('unreadable_at_node')) await sleep(READ_RETRY_MS, undefined, { signal: mirror.signal });
  return { finished: false, position: { ...START, isLookingAgain: true, idlePasses } };
}

/** @returns where the pass stands when the time is up, or when it is over */
async function pullPass(mirror: Mirror, from: MirrorPosition): Promise<MirrorPosition & { isOver: boolean }> {
  const { database, attemptId, pulled } = mirror;
  const until = performance.now() + mirror.stepMs;
  const linesBefore = pulled.lines;
  let { after, failure } = from;
  const position = (isOver: boolean) => {
    const hasStored = from.hasStored || pulled.lines > linesBefore;
    return { ...from, isOver, after, hasStored, ...(failure !== undefined && { failure }) };
  };
  for (;;) {
    const executions = await listExecutionsToPull(database, attemptId, after, EXECUTIONS_AT_ONCE);
    for (const execution of executions) {
      if (performance.now() >= until) return position(false);
      const pull = await pullExecution(mirror, execution, until);
      if (pull === 'time_up') return position(false);
      if (pull !== 'done' && !(await isSetAside(mirror, execution, pull))) failure = pull.reason;
      after = execution.ordinal;
    }
    if (executions.length < EXECUTIONS_AT_ONCE) return position(true);
  }
}

/** Why the lines of an execution could not be had. */
interface Failure {
  reason: string;
  /** Whether the log is damaged or unreadable at the node. Otherwise it does not match the description (any more). */
  isDamage: boolean;
}

type Pull = 'done' | 'time_up' | Failure;

/** What does not match passes, or the node contradicts itself: neither hides an execution from later backfills. */
async function isSetAside({ database, connection }: Mirror, { executionId }: ExecutionToPull, failure: Failure) {
  const { reason, isDamage } = failure;
  return isDamage && (await countFailedRead(database, connection.session, { executionId, reason, tries: READ_TRIES }));
}

async function pullExecution(mirror: Mirror, execution: ExecutionToPull, until: number): Promise<Pull> {
  const { database, connection } = mirror;
  const { executionId, declaredLines, status } = execution;
  if (declaredLines === 0 && status !== 'running') {
    await adoptEmptyEpoch(database, connection.session, executionId);
    return 'done';
  }
  try {
    const pages = await pullPages(mirror, execution, until);
    return pages === 'time_up' ? pages : await judgeEnd(mirror, execution, pages);
  } catch (error) {
    if (error instanceof PageError) {
      pagesRejected.inc({ reason: error.code });
      return damage(`page_${error.code}`);
    }
    if (error instanceof PageRefusedError) return mismatch(`page_refused_${error.code}`);
    if (error instanceof NodeRequestError && ['internal', 'not_found', 'not_shared', 'protocol'].includes(error.code)) {
      return damage(error.code === 'not_found' ? 'not_found_at_node' : `unreadable_at_node_${error.code}`);
    }
    throw error;
  }
}

function damage(reason: string): Failure {
  return { reason, isDamage: true };
}

function mismatch(reason: string): Failure {
  return { reason, isDamage: false };
}

interface ReadToEnd {
  end: LogsEnd;
  /** The last line that the hive has now. */
  stored: number;
}

async function pullPages(
  mirror: Mirror,
  { executionId, storedLines }: ExecutionToPull,
  until: number,
): Promise<ReadToEnd | 'time_up'> {
  const pages = mirror.connection.readLogs(executionId, storedLines, mirror.signal);
  const storing = new StoringPages(mirror, storedLines);
  try {
    for (;;) {
      const next = await pages.next();
      if (next.done) return { end: next.value, stored: await storing.all() };
      await storing.add(next.value);
      if (performance.now() >= until) {
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
  if (end.logEpoch !== execution.logEpoch || end.status !== execution.status) return mismatch('changed_at_node');
  if (stored > end.logLines) return mismatch('hive_has_more_lines');
  if (stored < end.logLines) return damage('lines_missing_at_node');
  if (execution.status === 'running') {
    await markGap(mirror.database, mirror.connection.session, execution.executionId, false);
    return 'done';
  }
  return end.logLines === execution.declaredLines ? 'done' : mismatch('changed_at_node');
}
