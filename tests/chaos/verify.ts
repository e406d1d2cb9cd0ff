/** Checks after the last fault whether the hive has every line once and in order, and says `complete` only if it is. */
import { createHash } from 'node:crypto';
import { LineJoiner } from '../../protocol/line-joiner.js';
import type { LogLine } from '../../protocol/page.js';
import { difference, isSame, type Difference } from './compare.js';
import { brokenRules, storedLines } from './hive-copy.js';
import { recordedContents } from './lines.js';
import { attemptsOf, executionsOf, type NodeExecution } from './node-copy.js';
import { progressOf, type ChaosNode, type Recording } from './node.js';
import type { ChaosWorld } from './world.js';

/** What a killed recorder may lose: 200 ms by design; the rest, and what processes were stalled, is for an overloaded machine. */
const MAX_RECORDER_LOSS_MS = 700;

export interface Verdict {
  lines: number;
  lost: number;
  doubled: number;
  outOfOrder: number;
  incomplete: number;
  /** The age of the oldest line that a killed recorder had not stored, in ms. */
  worstRecorderLossMs: number;
  /** Everything else that is wrong, one sentence each. */
  faults: string[];
}

export async function verify(world: ChaosWorld): Promise<Verdict> {
  const faults = await brokenRules(world.database);
  const verdict = { lines: 0, lost: 0, doubled: 0, outOfOrder: 0, incomplete: 0, worstRecorderLossMs: 0, faults };
  for (const node of world.nodes) await verifyNode(world, node, verdict);
  for (const { pid, unexpectedEnds } of world.hives) {
    if (unexpectedEnds > 0) faults.push(`a hive ended by itself ${unexpectedEnds} times (now pid ${pid ?? 'none'})`);
  }
  return verdict;
}

/** @returns the attempts that their node has and that are not complete in the hive */
export async function incompleteAttempts(world: ChaosWorld): Promise<string[]> {
  const ids = world.nodes.flatMap((node) => attemptsOf(node));
  const complete = await world.database.attemptSync.findMany({
    where: { attemptId: { in: ids }, state: 'complete' },
    select: { attemptId: true },
  });
  const found = new Set(complete.map(({ attemptId }) => attemptId));
  return ids.filter((id) => !found.has(id));
}

/** @returns the attempts that a hive still works on, with what it knows about the reason */
export async function pendingAttempts(world: ChaosWorld): Promise<object[]> {
  return world.database.attemptSync.findMany({
    where: { OR: [{ state: 'pending_backfill' }, { needsBackfill: true }] },
    select: { attemptId: true, state: true, needsBackfill: true, retryAt: true, lastError: true },
  });
}

async function verifyNode(world: ChaosWorld, node: ChaosNode, verdict: Verdict): Promise<void> {
  const executions = executionsOf(node);
  const incomplete = new Set(await incompleteAttempts(world));
  verdict.incomplete += attemptsOf(node).filter((id) => incomplete.has(id)).length;
  for (const { attemptId, executionId, status, lines } of executions) {
    if (status === 'running') verdict.faults.push(`execution ${executionId} is still running at its node`);
    const stored = await storedLines(world.database, executionId);
    verdict.lines += stored.length;
    count(
      verdict,
      hashOf(stored) === hashOf(lines) ? undefined : difference(lines, stored),
      `hive: attempt ${attemptId} execution ${executionId}`,
    );
  }
  for (const recording of node.recordings) verifyRecording(recording, executions, verdict);
  if (node.unexpectedEnds > 0)
    verdict.faults.push(`the agent of ${node.name} ended by itself ${node.unexpectedEnds} times`);
}

/** Checks the recorder: the store must contain what the command printed. */
function verifyRecording(recording: Recording, executions: NodeExecution[], verdict: Verdict): void {
  const { attemptId, output, disturbance } = recording;
  if (output.lines === 0) return;
  const mine = executions.filter(({ lines }) => lines[0]?.includes(`"${output.tag} `));
  const contents = (stream: string) =>
    mine.flatMap(({ lines }) =>
      joined(
        lines.map((line) => JSON.parse(line) as LogLine),
        stream,
      ),
    );
  if (disturbance === 'recorder_killed') {
    verifyKilled(recording, contents('stdout').length + contents('stderr').length, verdict);
  }
  if (disturbance !== undefined) return;
  for (const stream of ['stdout', 'stderr'] as const) {
    const printed = recordedContents(output, stream);
    count(verdict, difference(printed, contents(stream)), `node: attempt ${attemptId} ${output.tag} ${stream}`);
  }
}

/** @returns what was printed on the stream between two newlines */
function joined(lines: LogLine[], stream: string): string[] {
  const joiner = new LineJoiner();
  const text = lines.map((line) => (line.output_type === stream ? joiner.add(stream, line) : '')).join('');
  return (text + joiner.end()).split('\n').slice(0, -1);
}

/** @param stored number of stored lines */
function verifyKilled(recording: Recording, stored: number, verdict: Verdict): void {
  const { killedAt = 0, stalledMs = 0 } = recording;
  const firstLost = progressOf(recording).find(({ lines }) => lines > stored);
  if (!firstLost) return;
  const loss = killedAt - firstLost.at;
  verdict.worstRecorderLossMs = Math.max(verdict.worstRecorderLossMs, Math.round(loss));
  if (loss > MAX_RECORDER_LOSS_MS + stalledMs) {
    verdict.faults.push(
      `a killed recorder (${recording.output.tag}) lost lines that were printed ${Math.round(loss)} ms before`,
    );
  }
}

function count(verdict: Verdict, found: Difference | undefined, what: string): void {
  if (!found || isSame(found)) return;
  verdict.lost += found.lost;
  verdict.doubled += found.doubled;
  verdict.outOfOrder += found.outOfOrder;
  verdict.faults.push(`${what}: ${found.lost} lost, ${found.doubled} doubled, ${found.outOfOrder} out of order`);
}

function hashOf(lines: readonly string[]): string {
  const hash = createHash('sha256');
  for (const line of lines) hash.update(line).update('\n');
  return hash.digest('hex');
}
