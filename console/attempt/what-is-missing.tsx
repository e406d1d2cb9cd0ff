/** At the top: that the copy is not whole, where the rest is, and what happens next, in the hive's words. */
import { useState } from 'preact/hooks';
import type { Schemas } from '../../api/client/client.js';
import { Button } from '../ui/button.js';
import { now } from '../ui/clock.js';
import { Icon } from '../ui/icon.js';
import { LineBar } from '../ui/line-bar.js';
import { Time } from '../ui/time.js';
import { visible } from '../ui/visible.js';
import { BackfillPanel } from './backfill-panel.js';
import { NodeIsAway } from './missing-note.js';
import './what-is-missing.css';

const FEW = 2;
const MINUTE_MS = 60_000;

export interface WhatIsMissingProps {
  detail: Schemas['AttemptDetail'];
  again: () => void;
  showExecution: (executionId: string) => void;
}

export function WhatIsMissing({ detail, again, showExecution }: WhatIsMissingProps) {
  const { sync, executions } = detail;
  const [isAll, setAll] = useState(false);
  const { missing, next } = sync;
  if (next.code === 'nothing_missing') return null;
  if (next.code === 'lines_arrive_live' && missing.length === 0) return null;
  const shown = isAll ? missing : missing.slice(0, FEW);
  return (
    <section class="what-is-missing" aria-label="What is missing">
      <div class="what-is-missing-head">
        <Icon name="half" />
        <p>
          <strong>{visible(next.sentence)}</strong> <NodeIsAway node={detail.node_info} />
          {next.code === 'backfill_after_retry_at' && sync.retry_at !== null && <StartsAt at={sync.retry_at} />}
        </p>
        <LineBar stored={sync.lines_stored} declared={sync.lines_declared} />
      </div>
      {missing.length > 0 && (
        <ul>
          {shown.map(({ execution_id: id, explanation }) => (
            <li key={id}>
              {executions.length > 1 && (
                <button type="button" class="what-is-missing-execution" onClick={() => showExecution(id)}>
                  {executions.find((execution) => execution.id === id)?.run_reason ?? 'execution'} {id.slice(0, 8)}
                </button>
              )}
              {visible(explanation)}
            </li>
          ))}
        </ul>
      )}
      {missing.length > FEW && (
        <Button tone="bare" onClick={() => setAll(!isAll)}>
          {isAll ? 'Show fewer' : `Show all ${missing.length}${missing.length === 100 ? ' or more' : ''}`}
        </Button>
      )}
      <BackfillPanel detail={detail} again={again} />
    </section>
  );
}

/** The hive looks once a minute whose time has come. */
function StartsAt({ at }: { at: string }) {
  if (Date.parse(at) - now.value < MINUTE_MS) return <>It starts within a minute.</>;
  return (
    <>
      It starts <Time at={at} />.
    </>
  );
}
