import { z } from 'zod';
import { bodyOf } from '../../api/client/client.js';
import { attemptSummary, summaryText, toSummary } from './attempts.js';
import { tool } from './tool.js';

const SIZE_OF_ONE = 700;

/** What narrows down a list of attempts, and a search. */
export const attemptFilters = {
  status: z.enum(['running', 'completed', 'failed', 'killed']).optional(),
  executor: z.string().max(200).optional().describe('Exactly, for example CLAUDE_CODE.'),
  branch: z.string().max(500).optional().describe('Exactly.'),
  node_id: z.guid().optional(),
  task: z.guid().optional().describe('The id of a shared task.'),
  since: z.iso.datetime({ offset: true }).optional().describe('Made at this time or later (RFC 3339).'),
  until: z.iso.datetime({ offset: true }).optional().describe('Made before this time.'),
};

export const listAttempts = tool({
  name: 'list_attempts',
  title: 'List attempts',
  description:
    'Lists what agents and commands ran (attempts) on all machines, newest first: how each ended, and how much of its log ' +
    'is here. To find an attempt by what it printed, use search_all.',
  input: {
    ...attemptFilters,
    text: z.string().min(1).max(200).optional().describe('The title or the command contains this, in any case.'),
    order: z.enum(['arrived', 'created', 'changed']).optional().describe('What comes first. Default: arrived.'),
    limit: z.int().min(1).max(100).default(20),
    cursor: z.string().max(512).optional().describe('`next_cursor` of the answer before.'),
  },
  output: { attempts: z.array(attemptSummary), next_cursor: z.string().nullable() },
  run: async ({ text, limit, ...filters }, { hive, maxCharacters, signal }) => {
    const fitting = Math.max(1, Math.min(limit, Math.floor(maxCharacters / SIZE_OF_ONE)));
    const query = { ...filters, limit: fitting, ...(text !== undefined && { q: text }) };
    const page = await bodyOf(hive.api.GET('/v1/swarm/attempts', { params: { query }, signal }));
    const attempts = page.attempts.map(toSummary);
    const more = page.next_cursor === null ? [] : [`There are more: call again with cursor ${page.next_cursor}`];
    return {
      content: { attempts, next_cursor: page.next_cursor },
      text: attempts.length === 0 ? 'no attempt matches' : [...attempts.map(summaryText), ...more].join('\n'),
    };
  },
});
