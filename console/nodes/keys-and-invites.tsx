/** For admins: who may come. */
import type { Schemas } from '../../api/client/client.js';
import { ask, hive } from '../hive/client.js';
import { usePolling } from '../hive/poll.js';
import { useRequest } from '../hive/request.js';
import { ErrorNotice } from '../ui/error-notice.js';
import { InviteTable } from './invite-table.js';
import { invites, loadInvites } from './invites.js';
import { KeyTable } from './key-table.js';

/** Keys and invitations change when somebody does something. */
const POLL_MS = 10_000;

export function KeysAndInvites({ nodes }: { nodes: readonly Schemas['Node'][] }) {
  const keys = useRequest((signal) => ask(hive.GET('/v1/nodes/api-keys', { signal })), []);
  const inviting = useRequest((signal) => loadInvites(signal), []);
  usePolling(() => {
    keys.again();
    inviting.again();
  }, POLL_MS);
  const { answer: allKeys, error: keysError, isLoading } = keys.state.value;
  const { error: invitesError } = inviting.state.value;
  const open = invites.value?.filter(({ status }) => status === 'open') ?? [];
  return (
    <>
      {invitesError && !invites.value && (
        <ErrorNotice
          what="The invitations could not be read"
          error={invitesError}
          retry={() => inviting.again()}
          isRetrying={inviting.state.value.isLoading}
        />
      )}
      {open.length > 0 && (
        <section>
          <h2>Open invitations</h2>
          <InviteTable invites={open} changed={() => inviting.again()} />
        </section>
      )}
      {keysError && !allKeys && (
        <ErrorNotice
          what="The keys could not be read"
          error={keysError}
          retry={() => keys.again()}
          isRetrying={isLoading}
        />
      )}
      {allKeys && allKeys.length > 0 && (
        <section>
          <h2>Keys</h2>
          <KeyTable keys={allKeys} nodes={nodes} changed={() => keys.again()} />
        </section>
      )}
    </>
  );
}
