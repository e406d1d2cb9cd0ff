import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { bodyOf, HiveApiError, HiveUnreachableError } from '../../api/client/client.js';
import { attemptIdOf, attemptInput, attemptSummary, summaryText, toSummary } from './attempts.js';
import { tool, ToolError, type ToolContext } from './tool.js';

/** Clients give a tool a minute. */
const MAX_SECONDS = 50;
const POLL_MS = 1_000;
const PROGRESS_MS = 5_000;

export const awaitAttemptEnd = tool({
  name: 'await_attempt_end',
  title: 'Wait for an attempt to end',
  description:
    `Waits until an attempt no longer runs, for at most ${MAX_SECONDS} s. If it still runs then, \`has_ended\` is false: call ` +
    'again. What it printed meanwhile can be read with read_log.',
  input: {
    attempt: attemptInput,
    seconds: z.int().min(1).max(MAX_SECONDS).default(MAX_SECONDS),
    complete: z.boolean().default(false).describe('Wait until all its lines are here, too.'),
  },
  output: {
    attempt: attemptSummary,
    has_ended: z.boolean(),
    is_complete: z.boolean().describe('All its lines are here.'),
  },
  run: async ({ attempt: given, seconds, complete }, context) => {
    const id = await attemptIdOf(context, given);
    const begin = performance.now();
    let told = begin;
    for (;;) {
      const attempt = await find(context, id);
      if (attempt) {
        const hasEnded = attempt.status !== null && attempt.status !== 'running';
        const isComplete = hasEnded && attempt.sync_state === 'complete';
        const isOver = hasEnded && (!complete || isComplete || attempt.sync_state === 'unavailable');
        if (isOver || performance.now() - begin > seconds * 1000 - POLL_MS) {
          const content = { attempt, has_ended: hasEnded, is_complete: isComplete };
          const what = isOver
            ? 'It has ended'
            : hasEnded
              ? 'It has ended, but lines are missing: call again'
              : 'still running; call again';
          return { content, text: `${what}\n${summaryText(attempt)}` };
        }
      } else if (performance.now() - begin > seconds * 1000 - POLL_MS) {
        throw new ToolError('the hive did not answer all the time; call again in a minute');
      }
      if (performance.now() - told >= PROGRESS_MS) {
        told = performance.now();
        await context.progress(`${attempt?.status ?? 'waiting'}, ${attempt?.lines ?? 0} lines`);
      }
      await sleep(POLL_MS, undefined, { signal: context.signal });
    }
  },
});

/** @returns undefined if the hive is away for the moment, as one that restarts is */
async function find({ hive, signal }: ToolContext, id: string) {
  try {
    const query = { id_prefix: id, limit: 1 };
    const { attempts } = await bodyOf(hive.api.GET('/v1/swarm/attempts', { params: { query }, signal }));
    const [attempt] = attempts;
    if (!attempt) throw new ToolError(`attempt ${id} is not there: list_attempts shows which are`);
    return toSummary(attempt);
  } catch (error) {
    if (error instanceof HiveUnreachableError || (error instanceof HiveApiError && error.status === 503))
      return undefined;
    throw error;
  }
}
