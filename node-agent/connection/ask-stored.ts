/** Asks the hive over HTTP what it has of attempts. */
import { MAX_STORED_IDS, storedAttempts, type StoredAttempt } from '../../protocol/stored-attempts.js';
import type { NodeConfig } from '../config.js';
import { NodeAgentError } from '../errors.js';
import { requestJson } from './http.js';

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
  const { status, body } = await requestJson(url, { headers: { authorization: `Bearer ${apiKey}` } });
  const answer = storedAttempts.safeParse(body);
  if (status === 200 && answer.success) return answer.data.attempts;
  const detail = typeof body === 'object' && body !== null && 'error' in body ? `: ${String(body.error)}` : '';
  throw new NodeAgentError('hive', `the hive at ${url.origin} answers ${status}${detail.slice(0, 200)}`);
}
