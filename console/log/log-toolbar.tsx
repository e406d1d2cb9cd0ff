/** What can be done with a log by pointer; each has a key too. */
import type { ComponentChildren, RefObject } from 'preact';
import type { Schemas } from '../../api/client/client.js';
import { formatCount } from '../ui/format-count.js';
import { visible } from '../ui/visible.js';
import { change, nextTimes, settings } from './log-settings.js';
import { downloadAddress, type OutputType } from './log-requests.js';
import type { OpenLog } from './open-log.js';
import './log-toolbar.css';

export type Execution = Schemas['Execution'];

export interface LogToolbarProps {
  log: OpenLog;
  executions: readonly Execution[];
  onExecution: (id: string) => void;
  outputType: OutputType | undefined;
  onOutputType: (type: OutputType | undefined) => void;
  goToField: RefObject<HTMLInputElement | null>;
  goTo: (line: number) => void;
  search: () => void;
  children: ComponentChildren;
}

export function LogToolbar({
  log,
  executions,
  onExecution,
  outputType,
  onOutputType,
  children,
  ...actions
}: LogToolbarProps) {
  const { times, isWrapped } = settings.value;
  return (
    <div class="log-toolbar" role="toolbar" aria-label="Log">
      {children}
      {executions.length > 1 && (
        <select
          class="field"
          aria-label="Execution"
          value={log.log.executionId}
          onChange={(event) => onExecution(event.currentTarget.value)}
        >
          {executions.map((execution, index) => (
            <option key={execution.id} value={execution.id}>
              {`${index + 1}. ${visible(execution.run_reason)} (${execution.status})`}
            </option>
          ))}
        </select>
      )}
      <select
        class="field"
        aria-label="Output"
        title="Which output is shown (s)"
        value={outputType ?? ''}
        onChange={(event) => onOutputType(OUTPUTS.find((type) => type === event.currentTarget.value))}
      >
        <option value="">all output</option>
        {OUTPUTS.map((type) => (
          <option key={type} value={type}>
            {type}
          </option>
        ))}
      </select>
      <GoTo log={log} field={actions.goToField} goTo={actions.goTo} />
      <span class="log-toolbar-space" />
      <button class="log-button" type="button" title="Search in the log (/)" onClick={actions.search}>
        Search
      </button>
      <button
        class="log-button"
        type="button"
        aria-pressed={times !== 'off'}
        aria-label={times === 'off' ? 'Times' : `Times: ${times}`}
        title="Time stamps: absolute, since the start, since the previous line, or none (t)"
        onClick={nextTimes}
      >
        Times<span class="log-toolbar-times">{times === 'off' ? '' : SHORT_TIMES[times]}</span>
      </button>
      <button
        class="log-button"
        type="button"
        aria-pressed={isWrapped}
        title="Wrap long lines (w)"
        onClick={() => change({ isWrapped: !isWrapped })}
      >
        Wrap
      </button>
      <FollowButton log={log} />
      <a class="log-button" href={downloadAddress(log.log)} download title="The whole log of this execution, as text">
        Download
      </a>
    </div>
  );
}

const OUTPUTS = ['stdout', 'stderr', 'system'] as const satisfies readonly OutputType[];
const SHORT_TIMES = { absolute: 'clock', relative: 'start', delta: 'delta' } as const;

/** Not for a log that has ended: nothing comes any more. */
function FollowButton({ log }: { log: OpenLog }) {
  const { isFollowing, unseen, live } = log;
  if (live.value === 'ended') return null;
  const news = !isFollowing.value && unseen.value > 0 ? `${formatCount(unseen.value)} new` : '';
  return (
    <button
      class="log-button"
      type="button"
      aria-pressed={isFollowing.value}
      title="Follow new lines (f)"
      onClick={() => log.follow(!isFollowing.value)}
    >
      Follow {news !== '' && <span class="log-toolbar-new">{news}</span>}
    </button>
  );
}

function GoTo({
  log,
  field,
  goTo,
}: {
  log: OpenLog;
  field: RefObject<HTMLInputElement | null>;
  goTo: (line: number) => void;
}) {
  const last = log.changes.value >= 0 ? log.rows.end : 0;
  const submitted = (event: SubmitEvent): void => {
    event.preventDefault();
    const line = Number(field.current?.value.replace(/[\s,.]/g, ''));
    if (Number.isInteger(line) && line > 0) goTo(line);
  };
  return (
    <form class="log-toolbar-line" onSubmit={submitted}>
      <label>
        Line{' '}
        <input
          ref={field}
          class="field"
          inputMode="numeric"
          autocomplete="off"
          size={7}
          title="Go to a line (:)"
          onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
        />
      </label>
      <span class="log-toolbar-of">of {formatCount(last)}</span>
    </form>
  );
}
