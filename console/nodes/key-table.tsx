import { useState } from 'preact/hooks';
import { useAction } from '../hive/action.js';
import type { Schemas } from '../../api/client/client.js';
import { ask, hive } from '../hive/client.js';
import { Button } from '../ui/button.js';
import { CardTable, type Column } from '../ui/card-table.js';
import { ErrorNotice } from '../ui/error-notice.js';
import { countOf } from '../ui/format-count.js';
import { StateBadge } from '../ui/state-badge.js';
import { Time } from '../ui/time.js';
import { visible } from '../ui/visible.js';
import { RevokeKey } from './revoke-key.js';

type Key = Schemas['ApiKey'];

export interface KeyTableProps {
  keys: readonly Key[];
  nodes: readonly Schemas['Node'][];
  changed: () => void;
}

export function KeyTable({ keys, nodes, changed }: KeyTableProps) {
  const [hasRevoked, setRevokedShown] = useState(false);
  const [toRevoke, setToRevoke] = useState<Key>();
  const unblocking = useAction(async (id: string) => {
    await ask(hive.POST('/v1/nodes/api-keys/{id}/unblock', { params: { path: { id } } }));
    changed();
  });
  const names = new Map(nodes.map(({ id, name }) => [id, name]));
  const valid = keys.filter(({ revoked_at: at }) => at === null);
  const blockedFirst = [...valid].sort((a, b) => Number(b.blocked_at !== null) - Number(a.blocked_at !== null));
  const revoked = keys.filter(({ revoked_at: at }) => at !== null);
  const columns: Column<Key>[] = [
    {
      title: 'Key',
      width: '22%',
      isName: true,
      cell: ({ name, key_prefix: prefix }) => (
        <>
          {visible(name)} <code class="nodes-soft">{prefix}…</code>
        </>
      ),
    },
    { title: 'State', width: '17%', cell: stateCell },
    { title: 'Last used', width: '12%', cell: ({ last_used_at: at }) => (at === null ? 'never' : <Time at={at} />) },
    { title: 'Made', width: '17%', cell: ({ created_at: at }) => <Time at={at} /> },
    {
      title: 'Node',
      cell: ({ node_id: id }) =>
        id === null ? <span class="nodes-soft">none yet</span> : visible(names.get(id) ?? id),
    },
    {
      title: 'Actions',
      width: '11rem',
      isSilent: true,
      cell: (key) =>
        key.revoked_at === null && (
          <div class="nodes-buttons">
            {key.blocked_at !== null && (
              <Button onClick={() => unblocking.run(key.id)} isBusy={unblocking.isBusy}>
                Unblock<span class="only-heard"> the key {visible(key.name)}</span>
              </Button>
            )}
            <Button tone="bare" onClick={() => setToRevoke(key)}>
              Revoke<span class="only-heard"> the key {visible(key.name)}</span>
            </Button>
          </div>
        ),
    },
  ];
  return (
    <>
      {unblocking.error && <ErrorNotice what="The key was not unblocked" error={unblocking.error} />}
      {valid.length === 0 && <p class="nodes-soft">All keys are revoked: no node can connect.</p>}
      {(valid.length > 0 || hasRevoked) && (
        <CardTable
          label="Keys"
          columns={columns}
          items={hasRevoked ? [...blockedFirst, ...revoked] : blockedFirst}
          keyOf={({ id }) => id}
        />
      )}
      {revoked.length > 0 && (
        <p>
          <Button tone="bare" onClick={() => setRevokedShown(!hasRevoked)}>
            {hasRevoked ? 'Hide what is revoked' : `Show ${countOf(revoked.length, 'revoked key')}`}
          </Button>
        </p>
      )}
      {toRevoke && (
        <RevokeKey
          apiKey={toRevoke}
          nodeName={toRevoke.node_id === null ? undefined : names.get(toRevoke.node_id)}
          close={() => {
            setToRevoke(undefined);
            changed();
          }}
        />
      )}
    </>
  );
}

function stateCell({ revoked_at: revokedAt, blocked_at: blockedAt, blocked_reason: reason }: Key) {
  if (revokedAt !== null) {
    return (
      <>
        <StateBadge state="revoked" /> <Time at={revokedAt} />
      </>
    );
  }
  if (blockedAt === null) return <StateBadge state="valid" />;
  return (
    <>
      <StateBadge state="blocked" /> <Time at={blockedAt} />
      <p class="nodes-soft">{reason === null ? 'Other machines tried to use it.' : visible(reason)}</p>
    </>
  );
}
