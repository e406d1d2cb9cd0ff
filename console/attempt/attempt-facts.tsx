/** Everything that is known of an attempt and of the execution that is shown. */
import type { ComponentChildren } from 'preact';
import type { Schemas } from '../../api/client/client.js';
import { ValueTree } from '../conversation/json-tree.js';
import { CopyButton } from '../ui/copy-button.js';
import { countOf } from '../ui/format-count.js';
import { Time } from '../ui/time.js';
import { visible } from '../ui/visible.js';
import { BackfillPanel } from './backfill-panel.js';

export interface AttemptFactsProps {
  detail: Schemas['AttemptDetail'];
  execution: Schemas['Execution'] | undefined;
  again: () => void;
}

export function AttemptFacts({ detail, execution, again }: AttemptFactsProps) {
  const { attempt, node_info: node, sync } = detail;
  return (
    <div id="attempt-facts" class="attempt-facts">
      <section aria-labelledby="attempt-facts-title">
        <h2 id="attempt-facts-title">Attempt</h2>
        <dl>
          <Id name="Id" id={attempt.id} />
          <Text name="Title" text={attempt.title} />
          <Text name="Command" text={attempt.command} isCode />
          <Text name="Branch" text={attempt.branch} />
          <Text name="Target branch" text={attempt.target_branch} />
          <Text name="Container" text={attempt.container_ref} isCode />
          {attempt.worktree_deleted && <Text name="Working tree" text="deleted at the node" />}
          {attempt.shared_task_id !== null && <Id name="Task" id={attempt.shared_task_id} />}
          <Fact name="Made">
            <Time at={attempt.created_at} as="moment" /> by the clock of the node
          </Fact>
          <Fact name="Arrived">
            <Time at={attempt.arrived_at} as="moment" />
          </Fact>
          {attempt.setup_completed_at !== null && (
            <Fact name="Set up">
              <Time at={attempt.setup_completed_at} as="moment" />
            </Fact>
          )}
          <Id name="Node" id={node.id} />
          <Text name="Node’s address" text={node.public_url} />
          {sync.last_full_sync_at !== null && (
            <Fact name="Complete since">
              <Time at={sync.last_full_sync_at} as="moment" />
            </Fact>
          )}
          <Text name="Agent said last" text={attempt.summary?.last_message} />
          {attempt.summary?.session_id != null && <Id name="Agent’s session" id={attempt.summary.session_id} />}
        </dl>
        {sync.state === 'complete' && <BackfillPanel detail={detail} again={again} />}
      </section>
      {execution && <ExecutionFacts execution={execution} />}
    </div>
  );
}

function ExecutionFacts({ execution }: { execution: Schemas['Execution'] }) {
  const { executor_action: action } = execution;
  return (
    <section aria-labelledby="execution-facts-title">
      <h2 id="execution-facts-title">Execution shown</h2>
      <dl>
        <Id name="Id" id={execution.id} />
        <Fact name="Reason">{execution.run_reason}</Fact>
        <Fact name="Started">
          <Time at={execution.started_at} as="moment" />
        </Fact>
        {execution.completed_at !== null && (
          <Fact name="Ended">
            <Time at={execution.completed_at} as="moment" />
          </Fact>
        )}
        {execution.exit_code !== null && <Fact name="Exit status">{execution.exit_code}</Fact>}
        <Text name="Commit before" text={execution.before_head_commit} isCode />
        <Text name="Commit after" text={execution.after_head_commit} isCode />
        {execution.pid !== null && <Fact name="Process">{execution.pid}</Fact>}
        {execution.masked > 0 && <Fact name="Masked">{countOf(execution.masked, 'secret value')}</Fact>}
        {execution.dropped && <Text name="Dropped" text="yes" />}
        {execution.log_epoch > 0 && <Fact name="Version of the log">{execution.log_epoch}</Fact>}
        {execution.gone_from_node && <Text name="At the node" text="no longer; the hive keeps its copy" />}
      </dl>
      {typeof action === 'object' && action !== null && (
        <ValueTree key={execution.id} value={action} label="What was run" />
      )}
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Nothing, if there is no text. */
function Text({ name, text, isCode = false }: { name: string; text: string | null | undefined; isCode?: boolean }) {
  if (text === null || text === undefined || text === '') return null;
  return <Fact name={name}>{isCode ? <code>{visible(text)}</code> : visible(text)}</Fact>;
}

function Id({ name, id }: { name: string; id: string }) {
  return (
    <Fact name={name}>
      <code>{visible(id)}</code> <CopyButton text={id} what={`the id (${name})`} />
    </Fact>
  );
}
