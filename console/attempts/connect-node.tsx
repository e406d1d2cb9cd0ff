/** A hive that no machine has joined yet: what to type to connect one. */
import { useState } from 'preact/hooks';
import { useAction } from '../hive/action.js';
import type { Schemas } from '../../api/client/client.js';
import { ask, hive } from '../hive/client.js';
import { loadNodes } from '../hive/node-names.js';
import { usePolling } from '../hive/poll.js';
import { hiveInfo, isAdmin, session } from '../hive/session.js';
import { Button } from '../ui/button.js';
import { CommandBlock } from '../ui/command-block.js';
import { EmptyState } from '../ui/empty-state.js';
import { ErrorNotice } from '../ui/error-notice.js';
import { Time } from '../ui/time.js';
import { visible } from '../ui/visible.js';
import { installCommand, isLoopback, joinCommand, NO_INVITE, RECORD, STAY_CONNECTED } from './connect-commands.js';
import './connect-node.css';

const INVITE_MINUTES = 60;
/** The feed tells of attempts, not of nodes. */
const POLL_MS = 3000;

export function ConnectNode() {
  const [invite, setInvite] = useState<Schemas['CreatedNodeInvite']>();
  usePolling(() => void loadNodes().catch(() => undefined), POLL_MS);
  const address = hiveInfo.value?.public_url ?? location.origin;
  return (
    <EmptyState title="Connect the first machine">
      <p>
        A machine that records what its coding agents do is a node. None has joined {organizationName()} yet. This page
        goes on by itself as soon as one has.
      </p>
      <ol class="connect-node">
        <li>
          <h3>Install the node on the machine</h3>
          <CommandBlock
            command={installCommand(hiveInfo.value?.version ?? '0.1.0')}
            what="the command that installs the node"
          />
          <p>
            <code>npm pack -w node-agent</code> makes this file in a checkout of Hivesync. It needs Node.js 20.19 or
            newer, and no compiler. In the checkout itself, <code>npx node-agent</code> is there without it.
          </p>
        </li>
        <li>
          <h3>Join it to this hive</h3>
          <CommandBlock
            command={joinCommand(address, invite?.token ?? NO_INVITE)}
            what="the command that joins the machine to this hive"
          />
          {isAdmin() ? <Invitation invite={invite} made={setInvite} /> : <WhomToAsk />}
          {isLoopback(address) && (
            <p>
              Only the hive’s own machine reaches {address}. For others, start the hive with an address of its network
              (HIVE_HOST) or put it behind a proxy, and open this page there.
            </p>
          )}
        </li>
        <li>
          <h3>Keep it connected</h3>
          <CommandBlock command={STAY_CONNECTED} what="the command that keeps the machine connected" />
          <p>
            Or <code>node-agent connect</code>, for as long as the terminal is open.
          </p>
        </li>
        <li>
          <h3>Record something</h3>
          <CommandBlock command={RECORD} what="the command that records a command" />
          <p>The command runs as it does without. Any command will do, also while the machine is offline.</p>
        </li>
      </ol>
    </EmptyState>
  );
}

const organizationName = (): string => visible(session.value?.organization.name ?? 'this organisation');

interface InvitationProps {
  invite: Schemas['CreatedNodeInvite'] | undefined;
  made: (invite: Schemas['CreatedNodeInvite']) => void;
}

function Invitation({ invite, made }: InvitationProps) {
  const making = useAction(async () =>
    made(await ask(hive.POST('/v1/nodes/invites', { body: { expires_in_minutes: INVITE_MINUTES } }))),
  );
  return (
    <>
      {making.error && <ErrorNotice what="The invitation was not made" error={making.error} />}
      <p role="status">
        {invite && (
          <>
            The token is in the command. It takes in one machine, until <Time at={invite.expires_at} as="moment" />, and
            is shown only now.{' '}
          </>
        )}
      </p>
      <Button tone={invite ? 'plain' : 'primary'} onClick={() => making.run()} isBusy={making.isBusy}>
        {invite ? 'Make another invitation' : 'Make an invitation'}
      </Button>
    </>
  );
}

function WhomToAsk() {
  return (
    <p>
      An admin of {organizationName()} gives you the TOKEN: they make an invitation on this page, or with{' '}
      <code>hive node invite</code>. You are signed in as a viewer, who can’t.
    </p>
  );
}
