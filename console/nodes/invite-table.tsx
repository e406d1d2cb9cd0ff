import { useAction } from '../hive/action.js';
import type { Schemas } from '../../api/client/client.js';
import { ask, hive } from '../hive/client.js';
import { Button } from '../ui/button.js';
import { CardTable, type Column } from '../ui/card-table.js';
import { ErrorNotice } from '../ui/error-notice.js';
import { StateBadge } from '../ui/state-badge.js';
import { Time } from '../ui/time.js';

type Invite = Schemas['NodeInvite'];

export interface InviteTableProps {
  invites: readonly Invite[];
  changed: () => void;
}

export function InviteTable({ invites, changed }: InviteTableProps) {
  const withdrawal = useAction(async (id: string) => {
    await ask(hive.DELETE('/v1/nodes/invites/{id}', { params: { path: { id } } }));
    changed();
  });
  const columns: Column<Invite>[] = [
    { title: 'Token', width: '22%', isName: true, cell: ({ token_prefix: prefix }) => <code>{prefix}…</code> },
    { title: 'State', width: '17%', cell: ({ status }) => <StateBadge state={status} /> },
    { title: 'Made', width: '12%', cell: ({ created_at: at }) => <Time at={at} /> },
    { title: 'Expires', cell: ({ expires_at: at }) => <Time at={at} /> },
    {
      title: 'Actions',
      width: '7rem',
      isSilent: true,
      cell: ({ id, token_prefix: prefix }) => (
        <div class="nodes-buttons">
          <Button onClick={() => withdrawal.run(id)} isBusy={withdrawal.isBusy}>
            Withdraw<span class="only-heard"> the invitation {prefix}</span>
          </Button>
        </div>
      ),
    },
  ];
  return (
    <>
      {withdrawal.error && <ErrorNotice what="The invitation was not withdrawn" error={withdrawal.error} />}
      <CardTable label="Open invitations" columns={columns} items={invites} keyOf={({ id }) => id} />
    </>
  );
}
