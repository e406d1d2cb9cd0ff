import { bodyOf } from '../../api/client/client.js';
import { hive } from '../hive/client.js';

export type Secret = { token: string } | { link: string };

/**
 * A refusal says nothing of a session that this browser may have already: that one goes on.
 * @throws HiveApiError with the hive's own words: not valid, expired, revoked, used
 */
export async function openSession(secret: Secret): Promise<void> {
  await bodyOf(hive.POST('/v1/session', { body: secret }));
}
