/** The log of the execution that is shown, as its lines or as a conversation. */
import type { ComponentChildren } from 'preact';
import { lazy, ErrorBoundary } from 'preact-iso';
import type { Schemas } from '../../api/client/client.js';
import { LogView } from '../log/log-view.js';
import { formatLines, type LineRange } from '../log/permalink.js';
import { useKeys } from '../shell/keys.js';
import { loadPage } from '../shell/load-page.js';
import { Caught } from '../ui/caught.js';
import { EmptyState } from '../ui/empty-state.js';
import { visible } from '../ui/visible.js';
import { MissingNote, NodeIsAway } from './missing-note.js';
import { pageAddress, type PageAddress } from './page-address.js';

const ConversationView = lazy(() =>
  loadPage(() => import('../conversation/conversation-view.js')).then((module) => module.ConversationView),
);

export interface ExecutionLogProps {
  detail: Schemas['AttemptDetail'];
  /** Undefined if the attempt has none. */
  execution: Schemas['Execution'] | undefined;
  view: PageAddress['view'];
  show: (executionId: string, view?: PageAddress['view']) => void;
}

export function ExecutionLog({ detail, execution, view, show }: ExecutionLogProps) {
  const { attempt, executions, sync } = detail;
  const toggle = () => execution && show(execution.id, view === 'log' ? 'conversation' : 'log');
  useKeys('Execution', [{ keys: 'r', does: 'conversation, or raw lines', run: toggle }]);
  if (!execution) {
    return (
      <EmptyState title="Nothing has run in this attempt">
        <p>
          {visible(sync.next.sentence)} <NodeIsAway node={detail.node_info} />
        </p>
      </EmptyState>
    );
  }
  const tools = (
    <button
      type="button"
      class="button button-plain"
      aria-pressed={view === 'conversation'}
      title="Conversation or raw lines (r)"
      onClick={toggle}
    >
      Conversation
    </button>
  );
  const showLines = (lines: LineRange) => {
    show(execution.id, 'log');
    history.replaceState(history.state, '', formatLines(lines));
  };
  const log = (
    <LogView
      attemptId={attempt.id}
      executions={executions}
      executionId={execution.id}
      onExecution={(id) => show(id)}
      missing={sync.missing}
      explainMissing={(missing) => <MissingNote missing={missing} detail={detail} />}
      tools={tools}
    />
  );
  if (view === 'log') return <div class="attempt-log">{log}</div>;
  const key = `${execution.id}/${execution.log_epoch}`;
  return (
    <div class="attempt-log">
      {/* the outer one waits for what is loaded, and catches nothing else */}
      <ErrorBoundary>
        <Caught key={key} otherwise={() => <NotDrawn log={log} />}>
          <ConversationView
            key={key}
            attemptId={attempt.id}
            execution={execution}
            missing={sync.missing
              .filter(({ execution_id: id }) => id === execution.id)
              .map((missing) => (
                <p key={missing.execution_id} class="attempt-missing">
                  <MissingNote missing={missing} detail={detail} />
                </p>
              ))}
            linkTo={(lines) => pageAddress(location.href, execution.id, 'log', lines)}
            showLines={showLines}
            tools={tools}
          />
        </Caught>
      </ErrorBoundary>
    </div>
  );
}

function NotDrawn({ log }: { log: ComponentChildren }) {
  return (
    <>
      <p role="alert">The conversation could not be shown. These are the lines of the log.</p>
      {log}
    </>
  );
}
