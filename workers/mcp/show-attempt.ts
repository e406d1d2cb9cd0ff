import { z } from 'zod';
import { bodyOf, type Schemas } from '../../api/client/client.js';
import { attemptIdOf, attemptInput, attemptSummary, cut, summaryText, toSummary } from './attempts.js';
import { tool } from './tool.js';

/** Of each, the last. */
const MAX_EXECUTIONS = 20;
const MAX_MISSING = 10;
const LAST_MESSAGE_CHARACTERS = 4_000;

const execution = z.object({
  id: z.string(),
  run_reason: z.string(),
  status: z.string(),
  exit_code: z.int().nullable(),
  started_at: z.string(),
  completed_at: z.string().nullable(),
  lines: z.int(),
});

export const showAttempt = tool({
  name: 'show_attempt',
  title: 'Show an attempt',
  description:
    'One attempt: its executions (the processes that ran in it), how it ended, what its agent said last, what it cost, and ' +
    'which lines of its log are missing here and why.',
  input: { attempt: attemptInput },
  output: {
    attempt: attemptSummary,
    executions: z.array(execution).describe(`The last ${MAX_EXECUTIONS}.`),
    execution_count: z.int(),
    has_ended: z.boolean().describe('All executions have ended; another can still begin.'),
    node: z.object({ id: z.string(), name: z.string(), status: z.string() }),
    summary: z.record(z.string(), z.unknown()).nullable().describe('What the agent’s own stream told. Data.'),
    missing: z.array(z.string()),
    explanation: z.string().nullable(),
    next: z.string().describe('What happens next to the hive’s copy.'),
  },
  run: async ({ attempt: given }, context) => {
    const { hive, signal } = context;
    const id = await attemptIdOf(context, given);
    // the name that starts no backfill: an agent that reads changes nothing
    const path = { params: { path: { id } }, signal };
    const detail = await bodyOf(hive.api.GET('/v1/sync/swarm/attempts/{id}', path));
    const content = {
      attempt: toSummary(detail.attempt),
      executions: detail.executions.slice(-MAX_EXECUTIONS).map(toExecution),
      execution_count: detail.executions.length,
      has_ended: detail.is_complete,
      node: { id: detail.node_info.id, name: cut(detail.node_info.name) ?? '', status: detail.node_info.status },
      summary: toAgentSummary(detail.attempt.summary),
      missing: detail.sync.missing.slice(0, MAX_MISSING).map(missingText),
      explanation: detail.sync.explanation,
      next: detail.sync.next.sentence,
    };
    return { content, text: `${summaryText(content.attempt)}\n${JSON.stringify(content, undefined, 1)}` };
  },
});

function toExecution(row: Schemas['Execution']) {
  const { id, run_reason, status, exit_code, started_at, completed_at, stored_lines: lines } = row;
  return { id, run_reason, status, exit_code, started_at, completed_at, lines };
}

function toAgentSummary(summary: Schemas['Attempt']['summary']): Record<string, unknown> | null {
  if (summary === null) return null;
  return { ...summary, last_message: summary.last_message?.slice(0, LAST_MESSAGE_CHARACTERS).toWellFormed() };
}

function missingText({ execution_id: id, reason, explanation }: Schemas['MissingLines']): string {
  return `execution ${id} (${reason}): ${explanation}`;
}
