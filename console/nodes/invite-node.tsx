/** Makes an invitation, shows the commands that use it, and says when a machine has done so. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { installCommand, isLoopback, joinCommand, STAY_CONNECTED } from '../attempts/connect-commands.js';
import { useAction } from '../hive/action.js';
import type { Schemas } from '../../api/client/client.js';
import { ask, hive } from '../hive/client.js';
import { usePolling } from '../hive/poll.js';
import { hiveInfo } from '../hive/session.js';
import { Button } from '../ui/button.js';
import { CommandBlock } from '../ui/command-block.js';
import { Dialog, DialogButtons } from '../ui/dialog.js';
import { ErrorNotice } from '../ui/error-notice.js';
import { Icon } from '../ui/icon.js';
import { Time } from '../ui/time.js';
import '../ui/field.css';
import { loadInvites } from './invites.js';

const LIFETIMES = [
  { minutes: 60, name: 'an hour' },
  { minutes: 24 * 60, name: 'a day' },
  { minutes: 7 * 24 * 60, name: 'a week' },
] as const;

/** How soon the page says that a machine has joined. */
const POLL_MS = 2000;

export function InviteNode({ close }: { close: () => void }) {
  const [minutes, setMinutes] = useState<number>(LIFETIMES[0].minutes);
  const [invite, setInvite] = useState<Schemas['CreatedNodeInvite']>();
  const making = useAction(async () => {
    setInvite(await ask(hive.POST('/v1/nodes/invites', { body: { expires_in_minutes: minutes } })));
    void loadInvites().catch(() => undefined); // the list of invitations tells its own errors
  });
  return (
    <Dialog title="Invite a node" close={close} isBusy={making.isBusy}>
      {invite ? (
        <Invited invite={invite} close={close} />
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            making.run();
          }}
        >
          <p>An invitation takes in one machine, once. You get the commands to run on it.</p>
          <label class="nodes-form">
            Good for
            <select class="field" value={minutes} onChange={(event) => setMinutes(Number(event.currentTarget.value))}>
              {LIFETIMES.map((one) => (
                <option key={one.minutes} value={one.minutes}>
                  {one.name}
                </option>
              ))}
            </select>
          </label>
          {making.error && <ErrorNotice what="The invitation was not made" error={making.error} />}
          <DialogButtons>
            <Button onClick={close} disabled={making.isBusy}>
              Close
            </Button>
            <Button tone="primary" type="submit" isBusy={making.isBusy}>
              Make the invitation
            </Button>
          </DialogButtons>
        </form>
      )}
    </Dialog>
  );
}

function Invited({ invite, close }: { invite: Schemas['CreatedNodeInvite']; close: () => void }) {
  const [isUsed, setUsed] = useState(false);
  const begin = useRef<HTMLParagraphElement>(null);
  useLayoutEffect(() => begin.current?.focus(), []); // the button that had the focus is gone
  usePolling(() => {
    if (isUsed) return;
    loadInvites().then(
      (list) => setUsed(list.some(({ id, status }) => id === invite.id && status === 'used')),
      () => undefined, // it is asked again
    );
  }, POLL_MS);
  const address = hiveInfo.value?.public_url ?? location.origin;
  return (
    <>
      <p ref={begin} tabIndex={-1}>
        Run this on the machine, which then stays connected, also after a restart:
      </p>
      <CommandBlock
        command={`${joinCommand(address, invite.token)} && ${STAY_CONNECTED}`}
        what="the command that joins the machine to this hive"
      />
      {isLoopback(address) && <p>Only the hive’s own machine reaches {address}.</p>}
      <details class="nodes-install">
        <summary>node-agent is not installed there yet?</summary>
        <CommandBlock
          command={installCommand(hiveInfo.value?.version ?? '0.1.0')}
          what="the command that installs the node"
        />
        <p>
          <code>npm pack -w node-agent</code> makes this file in a checkout of Hivesync. It needs Node.js 20.19 or
          newer.
        </p>
      </details>
      <p>
        The token is good once, until <Time at={invite.expires_at} as="moment" /> (<Time at={invite.expires_at} />
        ), and is shown only now.
      </p>
      <p class="nodes-joined" role="status">
        {isUsed ? (
          <>
            <Icon name="check" /> A machine has joined with it. It is listed as soon as it is connected.
          </>
        ) : (
          <>
            <Icon name="waiting" /> Waiting for the machine. You can close this: it works without the page.
          </>
        )}
      </p>
      <DialogButtons>
        <Button tone={isUsed ? 'primary' : 'plain'} onClick={close}>
          {isUsed ? 'Done' : 'Close'}
        </Button>
      </DialogButtons>
    </>
  );
}
