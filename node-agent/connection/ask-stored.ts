/** Asks the hive over HTTP what it has of attempts. */
import { MAX_STORED_IDS, storedAttempts, type StoredAttempt } from '../../protocol/stored-attempts.js';
import type { NodeConfig } from '../config.js';
import { codeOf, messageOf, NodeAgentError } from '../errors.js';

const ANSWER_MS = 30_000;

/**
 * @returns what the hive has, by the attempt's id; an attempt that it does not have is not among them
 * @throws NodeAgentError `hive` if the hive does not answer every question
 */
export async function askStored(
  { hiveUrl, apiKey }: Pick<NodeConfig, 'hiveUrl' | 'apiKey'>,
  ids: readonly string[],
): Promise<Map<string, StoredAttempt>> {
  const stored = new Map<string, StoredAttempt>();
  const base = new URL(hiveUrl.replace(/^ws/, 'http').replace(/ws$/, 'task-attempts/stored'));
  for (let start = 0; start < ids.length; start += MAX_STORED_IDS) {
    const url = new URL(base);
    url.searchParams.set('ids', ids.slice(start, start + MAX_STORED_IDS).join(','));
    for (const attempt of await ask(url, apiKey ?? '')) stored.set(attempt.attempt_id, attempt);
  }
  return stored;
}

async function ask(url: URL, apiKey: string): Promise<StoredAttempt[]> {
  let response: Response;
  let body: unknown;
  try {
    const headers = { authorization: `Bearer ${apiKey}` };
    response = await fetch(url, { headers, signal: AbortSignal.timeout(ANSWER_MS) });
    body = await response.json();
  } catch (error) {
    const why = error instanceof Error && error.cause !== undefined ? codeOf(error.cause) : messageOf(error);
    throw new NodeAgentError('hive', `the hive at ${url.origin} does not answer (${why})`, { cause: error });
  }
  const answer = storedAttempts.safeParse(body);
  if (response.ok && answer.success) return answer.data.attempts;
  const detail = typeof body === 'object' && body !== null && 'error' in body ? `: ${String(body.error)}` : '';
  throw new NodeAgentError('hive', `the hive at ${url.origin} answers ${response.status}${detail.slice(0, 200)}`);
}
