/** Revokes a node's key, after a question that says what follows. */
import { useAction } from '../hive/action.js';
import type { Schemas } from '../../api/client/client.js';
import { ask, hive } from '../hive/client.js';
import { Button } from '../ui/button.js';
import { Dialog, DialogButtons } from '../ui/dialog.js';
import { ErrorNotice } from '../ui/error-notice.js';
import { visible } from '../ui/visible.js';

export interface RevokeKeyProps {
  apiKey: Schemas['ApiKey'];
  /** Of the node that uses it; undefined if none does. */
  nodeName: string | undefined;
  close: () => void;
}

export function RevokeKey({ apiKey: { id, name }, nodeName, close }: RevokeKeyProps) {
  const revoking = useAction(async () => {
    await ask(hive.DELETE('/v1/nodes/api-keys/{id}', { params: { path: { id } } }));
    close();
  });
  return (
    <Dialog title={`Revoke the key ${visible(name)}?`} close={close} isBusy={revoking.isBusy}>
      <p>
        {nodeName === undefined
          ? 'No node uses it. A machine that has it cannot connect any more.'
          : `The node ${visible(nodeName)} is disconnected within seconds, and cannot come back with this key. What the hive has of it stays; what it still owes stays on the machine until it joins again by an invitation.`}
      </p>
      <p>A key that is revoked stays revoked.</p>
      {revoking.error && <ErrorNotice what="The key was not revoked" error={revoking.error} />}
      <DialogButtons>
        <Button onClick={close} disabled={revoking.isBusy}>
          Keep it
        </Button>
        <Button tone="danger" onClick={() => revoking.run()} isBusy={revoking.isBusy}>
          Revoke the key
        </Button>
      </DialogButtons>
    </Dialog>
  );
}
