/** The organisation's invitations: two parts of the page show them. */
import { effect, signal } from '@preact/signals';
import type { Schemas } from '../../api/client/client.js';
import { ask, hive } from '../hive/client.js';
import { session } from '../hive/session.js';

type Invite = Schemas['NodeInvite'];

/** Newest first. Undefined until the hive has answered. */
export const invites = signal<readonly Invite[] | undefined>(undefined);

export async function loadInvites(signal?: AbortSignal): Promise<readonly Invite[]> {
  const list = await ask(hive.GET('/v1/nodes/invites', signal ? { signal } : {}));
  invites.value = list;
  return list;
}

// whoever signs in next may be of another organisation
effect(() => {
  if (session.value === null) invites.value = undefined;
});
