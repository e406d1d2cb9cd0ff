/** The machines: which are here, what each still owes, and for admins who may come and who must go. */
import { useRef, useState } from 'preact/hooks';
import type { Schemas } from '../../api/client/client.js';
import { ask, hive } from '../hive/client.js';
import { nodes as knownNodes } from '../hive/node-names.js';
import { usePolling } from '../hive/poll.js';
import { useRequest } from '../hive/request.js';
import { isAdmin } from '../hive/session.js';
import { useKeys } from '../shell/keys.js';
import { useOwnLocation } from '../shell/own-location.js';
import { addressOf } from '../ui/address.js';
import { Button } from '../ui/button.js';
import { EmptyState } from '../ui/empty-state.js';
import { isAway } from '../ui/error-words.js';
import { ErrorNotice } from '../ui/error-notice.js';
import { countOf } from '../ui/format-count.js';
import { PageHead } from '../ui/page-head.js';
import { usePageTitle } from '../ui/page-title.js';
import { PageLoading } from '../ui/page-loading.js';
import { SearchField } from '../ui/search-field.js';
import { DeleteNode } from './delete-node.js';
import { InviteNode } from './invite-node.js';
import { KeysAndInvites } from './keys-and-invites.js';
import { NodeTable } from './node-table.js';
import './nodes-page.css';

type Node = Schemas['Node'];

/** The feed tells of attempts only. A node is offline some seconds after its last word, so this is soon enough. */
const POLL_MS = 5000;
/** With so few, nobody looks for one by its name. */
const FEW = 8;

export function NodesPage() {
  const { query, route } = useOwnLocation('/nodes');
  const [isInviting, setInviting] = useState(false);
  const [toDelete, setToDelete] = useState<Node>();
  const field = useRef<HTMLInputElement>(null);
  const asking = useRequest(async (signal) => {
    const list = await ask(hive.GET('/v1/nodes', { signal }));
    knownNodes.value = list;
    return list;
  }, []);
  usePolling(() => asking.again(), POLL_MS);
  const { answer: all, error, isLoading } = asking.state.value;
  const sought = query['q'] ?? '';
  const isLong = all !== undefined && all.length > FEW;
  usePageTitle('Nodes');
  useKeys('Nodes', [
    ...(isLong ? [{ keys: '/', does: 'look for a node by its name', run: () => field.current?.focus() }] : []),
    ...(isAdmin() ? [{ keys: 'i', does: 'invite a node', run: () => setInviting(true) }] : []),
  ]);
  const retry = () => asking.again();
  if (!all) {
    return (
      <div class="page">
        <PageHead title="Nodes" />
        {error ? (
          <ErrorNotice what="The nodes could not be read" error={error} retry={retry} isRetrying={isLoading} />
        ) : (
          <PageLoading what="Reading the nodes" />
        )}
      </div>
    );
  }

  const shown = all.filter(({ name }) => name.toLowerCase().includes(sought.toLowerCase()));
  return (
    <div class="page">
      <PageHead title="Nodes" summary={summaryOf(all)}>
        {isLong && (
          <SearchField
            label="Name of a node"
            value={sought}
            inputRef={field}
            onInput={(q) => route(addressOf('/nodes', { q }), true)}
          />
        )}
        {isAdmin() && (
          <Button tone={all.length === 0 ? 'primary' : 'plain'} onClick={() => setInviting(true)}>
            Invite a node
          </Button>
        )}
      </PageHead>
      {error && !isAway(error) && <ErrorNotice what="The nodes could not be read again" error={error} retry={retry} />}
      {all.length === 0 && <NoNodes />}
      {all.length > 0 && shown.length === 0 && (
        <EmptyState title="No node has such a name">
          <p>
            <a href="/nodes">Show all {countOf(all.length, 'node')}</a>
          </p>
        </EmptyState>
      )}
      {shown.length > 0 && <NodeTable nodes={shown} remove={setToDelete} />}
      {isAdmin() && <KeysAndInvites nodes={all} />}
      {isInviting && <InviteNode close={() => setInviting(false)} />}
      {toDelete && (
        <DeleteNode
          node={toDelete}
          close={() => {
            setToDelete(undefined);
            asking.again();
          }}
        />
      )}
    </div>
  );
}

function summaryOf(all: readonly Node[]): string {
  if (all.length === 0) return '';
  const offline = all.filter(({ status }) => status === 'offline').length;
  return `${countOf(all.length, 'node')}, ${offline === 0 ? 'all connected' : `${offline} offline`}`;
}

function NoNodes() {
  return (
    <EmptyState title="No machine is connected yet">
      <p>
        A node is a machine that records what its coding agents do, and sends it here.{' '}
        {isAdmin()
          ? 'Invite one: you get the commands to run on it.'
          : 'An admin of your organisation can invite one; you are signed in as a viewer.'}
      </p>
    </EmptyState>
  );
}
