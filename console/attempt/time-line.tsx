/** The attempt's executions on a time line. Choosing one shows its log. */
import { useState } from 'preact/hooks';
import type { Schemas } from '../../api/client/client.js';
import { Button } from '../ui/button.js';
import { now } from '../ui/clock.js';
import { Duration } from '../ui/duration.js';
import { countOf, formatCount } from '../ui/format-count.js';
import { formatMoment } from '../ui/format-time.js';
import { StateBadge } from '../ui/state-badge.js';
import { barOf, scaleOf } from './time-scale.js';
import './time-line.css';

type Execution = Schemas['Execution'];

/** An attempt can have thousands. The others are shown when somebody wants them. */
const SHOWN = 50;

export interface TimeLineProps {
  executions: readonly Execution[];
  shownId: string | undefined;
  show: (executionId: string) => void;
}

export function TimeLine({ executions, shownId, show }: TimeLineProps) {
  const [limit, setLimit] = useState(SHOWN);
  const isRunning = executions.some(({ status }) => status === 'running');
  const present = isRunning ? now.value : 0; // bars that have ended need no clock
  if (executions.length === 0) return null;
  const shown = executions.slice(-limit);
  const scale = scaleOf(shown, present);
  return (
    <section class="time-line" aria-label="Executions">
      {executions.length > shown.length && (
        <Button tone="bare" onClick={() => setLimit(limit + SHOWN)}>
          Show earlier executions ({formatCount(executions.length - shown.length)})
        </Button>
      )}
      <ul>
        {shown.map((execution) => {
          const {
            id,
            run_reason: reason,
            status,
            exit_code: exitCode,
            started_at: start,
            completed_at: end,
          } = execution;
          const { left, width } = scale ? barOf(execution, scale, present) : { left: 0, width: 0 };
          return (
            <li key={id}>
              <button
                type="button"
                class="time-line-row"
                aria-current={id === shownId ? 'true' : undefined}
                title={`${reason}, from ${formatMoment(Date.parse(start))}${end === null ? '' : ` to ${formatMoment(Date.parse(end))}`}`}
                onClick={() => show(id)}
              >
                <span class="time-line-reason">{reason}</span>
                <StateBadge state={status} exitCode={exitCode} />
                <span class="time-line-track" aria-hidden="true">
                  <span class={`time-line-bar time-line-${status}`} style={{ left: `${left}%`, width: `${width}%` }} />
                </span>
                <span class="time-line-took">
                  <Duration from={start} to={status === 'running' ? undefined : end} />
                </span>
                <span class="time-line-lines">{linesText(execution)}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function linesText({ stored_lines: stored, log_lines: declared }: Execution): string {
  return stored >= declared ? countOf(stored, 'line') : `${formatCount(stored)} of ${countOf(declared, 'line')}`;
}
