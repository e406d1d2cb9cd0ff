/** The attempt's newest backfill: how far it is or how it ended, and for admins starting and cancelling one. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { CancelBackfill } from '../backfills/cancel-backfill.js';
import { useAction } from '../hive/action.js';
import { HiveApiError, type Schemas } from '../../api/client/client.js';
import { ask, hive } from '../hive/client.js';
import { usePolling } from '../hive/poll.js';
import { useRequest } from '../hive/request.js';
import { isAdmin } from '../hive/session.js';
import { Button } from '../ui/button.js';
import { ErrorNotice } from '../ui/error-notice.js';
import { countOf } from '../ui/format-count.js';
import { LineBar } from '../ui/line-bar.js';
import { StateBadge } from '../ui/state-badge.js';
import { wordOf } from '../ui/states.js';
import { Time } from '../ui/time.js';
import { visible } from '../ui/visible.js';
import './backfill-panel.css';

type Backfill = Schemas['Backfill'];

const POLL_MS = 1000;

/** Who asked for it, in words. */
const TRIGGERS: Record<string, string> = {
  read: 'Asked for by a reader',
  reconnect: 'Asked for when the node connected',
  schedule: 'Asked for by the schedule',
  manual: 'Asked for by an admin',
};

export function BackfillPanel({ detail, again }: { detail: Schemas['AttemptDetail']; again: () => void }) {
  const { attempt, sync } = detail;
  // of an attempt that was never backfilled, the hive would have to say that there is none
  const hasNone = sync.requested_at === null && sync.workflow_id === null;
  const asking = useRequest(
    (signal) => (hasNone ? Promise.resolve(undefined) : newestBackfill(attempt.id, signal)),
    [attempt.id, hasNone],
  );
  const { answer: backfill, error, isLoading } = asking.state.value;
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) asking.again();
    isFirst.current = false;
  }, [asking, sync.state, sync.requested_at]);
  const isUnderWay = sync.state === 'pending_backfill' || backfill?.status === 'running';
  usePolling(() => asking.again(), isUnderWay ? POLL_MS : undefined);
  const [said, setSaid] = useState('');
  useEffect(() => setSaid(''), [sync.state]); // what was said is of the state before
  const [isCancelling, setCancelling] = useState(false);
  const starting = useAction(async () => {
    setSaid('');
    setSaid(await start(attempt.id));
    asking.again();
    again();
  });
  const url = backfill?.workflow_url ?? sync.workflow_url;
  return (
    <div class="backfill-panel">
      <div class="backfill-panel-line">
        {backfill ? (
          <HowFar backfill={backfill} />
        ) : (
          <span>
            {error || isLoading ? '' : isUnderWay ? 'The backfill is about to begin.' : 'No backfill has run.'}
          </span>
        )}
        <span class="backfill-panel-buttons">
          {url !== null && (
            <a href={url} target="_blank" rel="noopener noreferrer nofollow">
              Temporal UI
            </a>
          )}
          {isAdmin() && !isUnderWay && (
            <Button onClick={() => starting.run()} isBusy={starting.isBusy}>
              Start a backfill
            </Button>
          )}
          {isAdmin() && isUnderWay && <Button onClick={() => setCancelling(true)}>Cancel the backfill</Button>}
        </span>
      </div>
      {sync.last_error !== null && sync.last_error !== backfill?.result?.reason && (
        <p class="backfill-panel-error">
          The last backfill ended with <code>{visible(sync.last_error)}</code>.
        </p>
      )}
      <p class="backfill-panel-said" role="status">
        {said}
      </p>
      {starting.error && <ErrorNotice what="The backfill could not be started" error={starting.error} />}
      {error && <ErrorNotice what="The backfill could not be read" error={error} retry={() => asking.again()} />}
      {isCancelling && (
        <CancelBackfill
          backfill={{ attempt_id: attempt.id, attempt }}
          close={() => {
            setCancelling(false);
            asking.again();
            again();
          }}
        />
      )}
    </div>
  );
}

/** @returns what came of it, in words */
async function start(id: string): Promise<string> {
  const { joined } = await ask(
    hive.POST('/v1/swarm/attempts/{id}/backfill', { params: { path: { id } }, body: { type: 'full_attempt' } }),
  );
  return joined ? 'A backfill was running already: yours is that one.' : 'A backfill has been started.';
}

/**
 * Whether there is one is asked of the list: a refusal is an error to the browser, which is for faults.
 * @returns undefined if there was none, as far as Temporal remembers
 */
async function newestBackfill(attemptId: string, signal: AbortSignal): Promise<Backfill | undefined> {
  const query = { attempt_id: attemptId, limit: 1 };
  const { backfills } = await ask(hive.GET('/v1/backfills', { params: { query }, signal }));
  if (backfills.length === 0) return undefined;
  try {
    return await ask(hive.GET('/v1/backfills/{attempt_id}', { params: { path: { attempt_id: attemptId } }, signal }));
  } catch (error) {
    if (error instanceof HiveApiError && error.code === 'not_found') return undefined;
    throw error;
  }
}

function HowFar({ backfill }: { backfill: Backfill }) {
  const { status, outcome, trigger, started_at: start, ended_at: end, progress, result } = backfill;
  const lines = progress ?? result;
  return (
    <span class="backfill-panel-how">
      <StateBadge state={outcome ?? status} kind="Backfill" />
      <span>
        {progress && `${wordOf(progress.phase)}. `}
        {trigger !== null && `${TRIGGERS[trigger] ?? visible(trigger)}, `}
        {end === null ? 'started ' : 'ended '}
        <Time at={end ?? start} />
        {lines?.lines_pulled != null && `. It has pulled ${countOf(lines.lines_pulled, 'line')}`}.
        {result?.reason != null && result.reason !== outcome && ` Reason: ${visible(wordOf(result.reason))}.`}
      </span>
      {lines && status === 'running' && <LineBar stored={lines.lines_stored} declared={lines.lines_declared} />}
    </span>
  );
}
