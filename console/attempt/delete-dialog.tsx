/** The question before an attempt is deleted: it names what is lost. */
import { useLocation } from 'preact-iso';
import { useAction } from '../hive/action.js';
import type { Schemas } from '../../api/client/client.js';
import { ask, hive } from '../hive/client.js';
import { Button } from '../ui/button.js';
import { Dialog, DialogButtons } from '../ui/dialog.js';
import { ErrorNotice } from '../ui/error-notice.js';
import { countOf } from '../ui/format-count.js';
import { titleOf } from '../ui/title-of.js';
import { visible } from '../ui/visible.js';

export function DeleteDialog({ detail, close }: { detail: Schemas['AttemptDetail']; close: () => void }) {
  const { attempt, executions, sync, node_info: node } = detail;
  const { route } = useLocation();
  const deletion = useAction(async () => {
    await ask(hive.DELETE('/v1/swarm/attempts/{id}', { params: { path: { id: attempt.id } } }));
    // somebody may have gone elsewhere meanwhile
    if (location.pathname === `/attempts/${attempt.id}`) route('/attempts');
  });
  const isAway = node.status === 'offline';
  return (
    <Dialog title="Delete this attempt for good?" close={close} isBusy={deletion.isBusy}>
      <p>
        <strong>{titleOf(attempt, attempt.id)}</strong>
      </p>
      <p>What is lost, and cannot be brought back:</p>
      <ul>
        <li>
          {countOf(sync.lines_stored, 'line')} of {countOf(executions.length, 'execution')} in this hive
        </li>
        <li>
          {countOf(sync.lines_declared, 'line')} at node {visible(node.name)}, {isAway ? 'when it returns' : 'now'}
        </li>
        {sync.lines_stored < sync.lines_declared && (
          <li>the {countOf(sync.lines_declared - sync.lines_stored, 'line')} that only the node has</li>
        )}
        <li>everything else that is known of the attempt, for everybody in the organisation</li>
      </ul>
      {deletion.error && <ErrorNotice what="The attempt could not be deleted" error={deletion.error} />}
      <DialogButtons>
        <Button onClick={close} disabled={deletion.isBusy}>
          Keep it
        </Button>
        <Button tone="danger" isBusy={deletion.isBusy} onClick={() => deletion.run()}>
          Delete for good
        </Button>
      </DialogButtons>
    </Dialog>
  );
}
