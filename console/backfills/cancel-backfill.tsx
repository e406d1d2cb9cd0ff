import { useAction } from '../hive/action.js';
import { ask, hive } from '../hive/client.js';
import { Button } from '../ui/button.js';
import { Dialog, DialogButtons } from '../ui/dialog.js';
import { ErrorNotice } from '../ui/error-notice.js';
import { titleOf } from '../ui/title-of.js';
import type { ListedBackfill } from './backfill-pages.js';

export interface CancelBackfillProps {
  backfill: { attempt_id: string; attempt: Pick<NonNullable<ListedBackfill['attempt']>, 'title' | 'command'> | null };
  close: () => void;
}

export function CancelBackfill({ backfill: { attempt, attempt_id: id }, close }: CancelBackfillProps) {
  const cancelling = useAction(async () => {
    await ask(hive.POST('/v1/backfills/{attempt_id}/cancel', { params: { path: { attempt_id: id } } }));
    close();
  });
  return (
    <Dialog title="Cancel this backfill?" close={close} isBusy={cancelling.isBusy}>
      <p>
        <strong>{attempt ? titleOf(attempt, id) : id}</strong>
      </p>
      <p>
        What is stored stays. No other backfill of this attempt starts by itself after that: it waits until somebody
        starts one on the attempt’s page.
      </p>
      {cancelling.error && <ErrorNotice what="The backfill was not cancelled" error={cancelling.error} />}
      <DialogButtons>
        <Button onClick={close} disabled={cancelling.isBusy}>
          Let it run
        </Button>
        <Button tone="danger" onClick={() => cancelling.run()} isBusy={cancelling.isBusy}>
          Cancel the backfill
        </Button>
      </DialogButtons>
    </Dialog>
  );
}
