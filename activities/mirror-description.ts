/** Stores the node's description of an attempt and its executions, part by part, over as many steps as it takes. */
import { NodeRequestError, type DescribedPart } from '../gateway/interface.js';
import { MAX_EXECUTIONS } from '../protocol/limits.js';
import { compareDescription } from '../prisma/queries/compare-description.js';
import { findDescription, forgetDescription, type KeptDescription } from '../prisma/queries/description-parts.js';
import { storeDescription } from '../prisma/queries/store-metadata.js';
import { countCompleted } from '../backfills/metrics.js';
import type { Mirror } from './mirror.js';

export interface Described {
  /** False if the time was up first: the next step has to go on. */
  isWhole: boolean;
  /** Whether the node's revision was new to the hive. */
  changed: boolean;
  /** How many parts were stored. */
  parts: number;
}

export interface DescribeOptions {
  /** What an earlier step found or stored. @default nothing: the description begins at its first part */
  known?: KeptDescription | undefined;
  /** Store it even if the hive already has it, because something that the node did does not match it. */
  isDoubted?: boolean;
}

/** The parts before the next one. */
interface Before {
  parts: number;
  revision: bigint;
  executions: number;
  lastExecutionId: string | undefined;
  /** The revision that was described before this description began. */
  describedRevision: bigint;
}

/**
 * Asks for parts until the description is whole, or for the length of a step. If the hive already has it, as after an
 * announcement, this costs one comparison. A description that was left unfinished goes on after its last part; its
 * revision is the lowest of its parts, so what changed meanwhile still counts as not described.
 */
export async function mirrorDescription(mirror: Mirror, options: DescribeOptions = {}): Promise<Described> {
  const { attemptId, connection, database } = mirror;
  const until = performance.now() + mirror.stepMs;
  let before = goOn(options.known);
  let hasBegunAgain = false;
  let parts = 0;
  do {
    const part = await nextPart(mirror, before);
    if (!part) {
      if (hasBegunAgain) {
        throw new NodeRequestError('protocol', `node does not know an execution of ${attemptId} that it described`);
      }
      await forgetDescription(database, attemptId);
      before = undefined;
      hasBegunAgain = true;
      continue;
    }
    if (!before) {
      const beginning = await begin(mirror, part, options.isDoubted === true);
      if (beginning === 'taken_in') return { isWhole: true, changed: false, parts };
      if (beginning.parts > 0) {
        before = beginning;
        continue; // this part is stored already
      }
      before = beginning;
    }
    const revision = min(before.revision, BigInt(part.attempt.revision));
    const executions = before.executions + part.executions.length;
    if (executions > MAX_EXECUTIONS) {
      await forgetDescription(database, attemptId);
      throw new NodeRequestError('protocol', `node described more than ${MAX_EXECUTIONS} executions of ${attemptId}`);
    }
    const place = { part: before.parts, revision };
    const { isKept, syncs } = await storeDescription(database, connection.session, part, place);
    countCompleted(syncs);
    if (!isKept) break;
    parts++;
    if (part.last) return { isWhole: true, changed: before.describedRevision < revision, parts };
    const lastExecutionId = part.executions.at(-1)?.execution_id;
    before = { ...before, parts: before.parts + 1, revision, executions, lastExecutionId };
  } while (performance.now() < until);
  return { isWhole: false, changed: false, parts };
}

function goOn(known: KeptDescription | undefined): Before | undefined {
  if (!known?.kept) return undefined;
  const { part: parts, ...kept } = known.kept;
  return { ...kept, parts, describedRevision: known.describedRevision };
}

/**
 * @returns the part after those that are stored; undefined if the node no longer has the execution after which it would
 * begin, so that the description has to begin again
 */
async function nextPart({ attemptId, connection, signal }: Mirror, before: Before | undefined) {
  try {
    return await connection.describeAttempt(attemptId, before?.lastExecutionId, signal);
  } catch (error) {
    if (before && error instanceof NodeRequestError && error.code === 'not_found') return undefined;
    throw error;
  }
}

/**
 * Compares the first part with what the hive has.
 * @returns where to go on: after the parts that an earlier backfill left unfinished at this very revision, or here
 */
async function begin(
  { attemptId, connection, database }: Mirror,
  { attempt, executions, last }: DescribedPart,
  isDoubted: boolean,
): Promise<Before | 'taken_in'> {
  const known = await compareDescription(database, connection.session, attempt, executions);
  if (last && known?.isTakenIn && !isDoubted) return 'taken_in';
  const left = last || isDoubted ? undefined : goOn(await findDescription(database, attemptId));
  const revision = BigInt(attempt.revision);
  if (left?.revision === revision) return left;
  const describedRevision = known?.describedRevision ?? -1n;
  return { parts: 0, revision, executions: 0, lastExecutionId: undefined, describedRevision };
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
