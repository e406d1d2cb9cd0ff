/** What an agent's own stream of JSON lines has told about an attempt, as far as the node understood it. */
import { z } from 'zod';
import { MAX_SUMMARY_BYTES, MAX_SUMMARY_MESSAGE_LENGTH } from './limits.js';

const name = z.string().max(1024).nullish();
const count = z.int().min(0).nullish();

export const attemptSummary = z
  .object({
    /** The agent that printed the stream, such as `CLAUDE_CODE`. */
    executor: name,
    model: name,
    session_id: name,
    cost_usd: z.number().min(0).nullish(),
    turns: count,
    input_tokens: count,
    output_tokens: count,
    /** What the agent said last; its beginning if it is long. */
    last_message: z.string().max(MAX_SUMMARY_MESSAGE_LENGTH).nullish(),
    ended_with_error: z.boolean().nullish(),
  })
  .refine((summary) => Buffer.byteLength(JSON.stringify(summary)) <= MAX_SUMMARY_BYTES, {
    error: `must be at most ${MAX_SUMMARY_BYTES} bytes of JSON`,
  });
