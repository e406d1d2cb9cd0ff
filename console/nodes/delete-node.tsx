/** Deletes a node, after a question that names what is lost. */
import { useState } from 'preact/hooks';
import { useAction } from '../hive/action.js';
import type { Schemas } from '../../api/client/client.js';
import { ask, hive } from '../hive/client.js';
import { useRequest } from '../hive/request.js';
import { Button } from '../ui/button.js';
import { Dialog, DialogButtons } from '../ui/dialog.js';
import { ErrorNotice } from '../ui/error-notice.js';
import { countOf } from '../ui/format-count.js';
import { visible } from '../ui/visible.js';
import '../ui/field.css';

export interface DeleteNodeProps {
  node: Schemas['Node'];
  close: () => void;
}

export function DeleteNode({ node: { id, name, status }, close }: DeleteNodeProps) {
  const [typed, setTyped] = useState('');
  const params = { path: { id } };
  const counting = useRequest((signal) => ask(hive.GET('/v1/nodes/{id}/mirrored', { params, signal })), [id]);
  const { answer: mirrored, error, isLoading } = counting.state.value;
  const deletion = useAction(async () => {
    await ask(hive.DELETE('/v1/nodes/{id}', { params }));
    close();
  });
  const shownName = visible(name);
  const isTyped = typed === name || typed === shownName;
  return (
    <Dialog title={`Delete the node ${shownName}?`} close={close} isBusy={deletion.isBusy}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (isTyped && mirrored) deletion.run();
        }}
      >
        {mirrored && (
          <>
            <p>The hive loses what it has from {shownName}, for good:</p>
            <ul class="nodes-lost">
              <li>{countOf(mirrored.attempts, 'attempt')}</li>
              <li>{countOf(mirrored.executions, 'execution')}</li>
              <li>{countOf(mirrored.lines, 'log line')}</li>
            </ul>
          </>
        )}
        {!mirrored && !error && <p role="status">Counting what the hive has from {shownName}…</p>}
        {error && (
          <ErrorNotice
            what="What the hive has from this node could not be counted"
            error={error}
            retry={() => counting.again()}
            isRetrying={isLoading}
          />
        )}
        <p>
          Its keys are revoked{status === 'offline' ? '' : ', and it is disconnected'}. What the machine itself keeps
          stays there.
        </p>
        <label class="nodes-form">
          <span>
            Type <strong>{shownName}</strong> to confirm
          </span>
          <input
            class="field"
            value={typed}
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </label>
        {deletion.error && <ErrorNotice what="The node was not deleted" error={deletion.error} />}
        {deletion.isBusy && <p role="status">Deleting. With millions of lines this takes a few minutes.</p>}
        <DialogButtons>
          <Button onClick={close} disabled={deletion.isBusy}>
            Keep it
          </Button>
          <Button tone="danger" type="submit" disabled={!isTyped || !mirrored} isBusy={deletion.isBusy}>
            Delete the node
          </Button>
        </DialogButtons>
      </form>
    </Dialog>
  );
}
