/** Trades an invitation for a key of this machine. */
import { NODE_KEY } from '../config.js';
import { NodeAgentError } from '../errors.js';
import { requestJson } from './http.js';

export interface Enrollment {
  /** The address of the hive's socket. */
  hiveUrl: string;
  /** Good for one machine. */
  token: string;
  machineId: string;
  name: string;
}

/**
 * @returns the node's key, which is in this answer only
 * @throws NodeAgentError `hive` if the hive does not answer, or refuses
 */
export async function enroll({ hiveUrl, token, machineId, name }: Enrollment): Promise<string> {
  const url = new URL(hiveUrl.replace(/^ws/, 'http').replace(/ws$/, 'enroll'));
  const { status, body } = await requestJson(url, { method: 'POST', body: { token, machine_id: machineId, name } });
  const key = memberOf(body, 'node_key');
  if (status === 201 && key !== undefined) {
    if (NODE_KEY.test(key)) return key;
    throw new NodeAgentError('hive', `the hive at ${url.origin} answers with a key that cannot be used; is it a hive?`);
  }
  const detail = memberOf(body, 'error') ?? 'it may be no hive, or one that knows no invitations';
  throw new NodeAgentError('hive', `the hive at ${url.origin} answers ${status}: ${detail.slice(0, 200)}`);
}

function memberOf(body: unknown, name: string): string | undefined {
  const value = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}
