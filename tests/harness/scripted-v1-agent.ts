/** What an agent on an original node does: it begins an execution, prints for some time, and ends. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ScriptedV1Node, V1Attempt, V1Entry, V1Execution } from './scripted-v1-node.js';
import { nodeTime, sqliteTime } from './scripted-v1-store.js';

export interface AgentScript {
  lines: number;
  /** How long the run takes. */
  forMs: number;
  /**
   * When the rows of its log are written. The real node records the end first and writes all rows after it, one by one;
   * but if somebody has looked at the log in the node's own interface, rows are there while it runs.
   * @default 'afterEnd'
   */
  writes?: 'afterEnd' | 'whileRunning';
  /** After the end: how long it takes until the first row is written. @default 50 */
  firstRowAfterMs?: number;
  /** After the end: how long all rows take. @default 1 ms a row */
  writeForMs?: number;
  exitCode?: number;
  /** The run does not end before this. */
  mayEnd?: Promise<unknown>;
}

export interface AgentRun {
  execution: V1Execution;
  /** Resolves with the time of the end, as `performance.now()`, when the end is in the node's store. */
  ended: Promise<number>;
  /** Resolves when the last line is in the node's store too. */
  written: Promise<void>;
}

/** Begins an execution that prints `<tag> <number>`. */
export function startAgent(node: ScriptedV1Node, attempt: V1Attempt, tag: string, script: AgentScript): AgentRun {
  const { lines, forMs, writes = 'afterEnd', firstRowAfterMs = 50, writeForMs = lines } = script;
  const execution = startExecution(node, attempt);
  const write = () => void execution.rows.push(rowOf(node, `${tag} ${execution.rows.length + 1}`));
  const ended = (async () => {
    if (writes === 'whileRunning') await spread(lines, forMs, write);
    else await sleep(forMs);
    await script.mayEnd;
    endExecution(node, execution, script.exitCode ?? 0);
    return performance.now();
  })();
  const written = ended.then(async () => {
    if (writes === 'whileRunning') return;
    await sleep(firstRowAfterMs);
    await spread(lines, writeForMs, write);
  });
  return { execution, ended, written };
}

/** An execution as its row is when it begins. */
export function startExecution(node: ScriptedV1Node, attempt: V1Attempt): V1Execution {
  const now = nodeTime(node.clock());
  return node.addExecution(attempt, [], {
    executor_action: {
      typ: { type: 'CodingAgentInitialRequest', prompt: 'do it', executor_profile_id: { executor: 'CLAUDE_CODE' } },
      next_action: null,
    },
    before_head_commit: '0123456789abcdef0123456789abcdef01234567',
    status: 'running',
    exit_code: null,
    pid: 4242,
    started_at: now,
    completed_at: null,
    created_at: now,
  });
}

/** The end, which the node keeps for itself. */
export function endExecution(node: ScriptedV1Node, { frame }: V1Execution, exitCode = 0): void {
  Object.assign(frame, {
    status: exitCode === 0 ? 'completed' : 'failed',
    exit_code: exitCode,
    completed_at: nodeTime(node.clock()),
    after_head_commit: 'fedcba9876543210fedcba9876543210fedcba98',
  });
}

/** A row of a coding agent's log, as the node's normaliser writes it. */
function rowOf(node: ScriptedV1Node, text: string): V1Entry {
  const value = { timestamp: null, entry_type: { type: 'assistant_message' }, content: text, metadata: null };
  const content = JSON.stringify([{ op: 'add', path: '/entries/-', value }]);
  return { output_type: 'system', content, timestamp: sqliteTime(node.clock()) };
}

/** Writes `count` rows evenly over a time. */
async function spread(count: number, forMs: number, write: () => void): Promise<void> {
  const start = performance.now();
  for (let written = 0; written < count;) {
    const share = forMs === 0 ? 1 : Math.min(1, (performance.now() - start) / forMs);
    for (const due = Math.floor(count * share); written < due; written++) write();
    if (written < count) await sleep(Math.min(20, forMs));
  }
}
