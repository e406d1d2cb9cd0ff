import { z } from 'zod';
import { bodyOf } from '../../api/client/client.js';
import { attemptIdOf, attemptInput } from './attempts.js';
import { tool } from './tool.js';

export const startBackfill = tool({
  name: 'start_backfill',
  title: 'Fetch missing lines',
  description:
    'Has the hive fetch from its node what is missing of an attempt, or joins what runs already. Needs a token of an admin. ' +
    'await_attempt_end with `complete` waits for the lines of an attempt that has ended.',
  isReadOnly: false,
  input: { attempt: attemptInput },
  output: { attempt: z.string(), workflow_id: z.string(), joined: z.boolean() },
  run: async ({ attempt: given }, context) => {
    const attempt = await attemptIdOf(context, given);
    const params = { path: { id: attempt } };
    const started = await bodyOf(
      context.hive.api.POST('/v1/swarm/attempts/{id}/backfill', {
        params,
        body: { type: 'full_attempt' },
        signal: context.signal,
      }),
    );
    const { workflow_id, joined } = started;
    return { content: { attempt, workflow_id, joined }, text: `${joined ? 'joined' : 'started'} ${workflow_id}` };
  },
});
