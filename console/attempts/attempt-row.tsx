/** An attempt as a row of the list, or as a card of three lines. */
import { Component } from 'preact';
import { Duration } from '../ui/duration.js';
import { LineBar } from '../ui/line-bar.js';
import { StateBadge } from '../ui/state-badge.js';
import { Time } from '../ui/time.js';
import { titleOf } from '../ui/title-of.js';
import { visible } from '../ui/visible.js';
import type { Attempt } from './row-list.js';

export interface AttemptRowProps {
  /** Counted from 0. */
  index: number;
  /** Undefined while it has not been read. */
  attempt: Attempt | undefined;
  nodeName: string;
  isCurrent: boolean;
  isDeleted: boolean;
}

export const rowId = (index: number): string => `attempt-row-${index}`;

/** What is longer is cut by the row's width anyway. */
const SHOWN_CHARACTERS = 300;

/** A class, because a row is drawn anew only if something of it has changed: there are many, and they come by quickly. */
export class AttemptRow extends Component<AttemptRowProps> {
  override shouldComponentUpdate(next: AttemptRowProps): boolean {
    const { index, attempt, nodeName, isCurrent, isDeleted } = this.props;
    return (
      next.index !== index ||
      next.attempt !== attempt ||
      next.nodeName !== nodeName ||
      next.isCurrent !== isCurrent ||
      next.isDeleted !== isDeleted
    );
  }

  override render({ index, attempt, nodeName, isCurrent, isDeleted }: AttemptRowProps) {
    return (
      <div
        role="row"
        id={rowId(index)}
        class={`attempt-row ${isCurrent ? 'attempt-row-current' : ''} ${isDeleted ? 'attempt-row-deleted' : ''}`}
        aria-rowindex={index + 2}
        aria-selected={isCurrent}
        data-attempt={isDeleted ? undefined : attempt?.id}
      >
        {attempt ? <Cells attempt={attempt} nodeName={nodeName} isDeleted={isDeleted} /> : <Unread />}
      </div>
    );
  }
}

function Unread() {
  return (
    <span role="gridcell" class="attempt-row-unread">
      <span class="only-heard">Loading</span>
    </span>
  );
}

function Cells({ attempt, nodeName, isDeleted }: { attempt: Attempt; nodeName: string; isDeleted: boolean }) {
  return (
    <>
      <span role="gridcell" class="attempt-row-status">
        {isDeleted ? 'deleted' : <StateBadge state={attempt.status} exitCode={attempt.exit_code} kind="Status" />}
      </span>
      <Title attempt={attempt} isDeleted={isDeleted} />
      <Text name="node" text={nodeName} />
      <Text name="executor" text={attempt.executor} more={attempt.executor_variant} />
      <Text name="branch" text={attempt.branch} />
      <span role="gridcell" class="attempt-row-sync">
        <StateBadge state={attempt.sync_state} kind="Hive’s copy" />
      </span>
      <span role="gridcell" class="attempt-row-lines">
        <LineBar stored={attempt.lines_stored} declared={attempt.lines_declared} />
      </span>
      <span role="gridcell" class="attempt-row-started">
        <Time at={attempt.created_at} />
      </span>
      <span role="gridcell" class="attempt-row-duration">
        {attempt.status === null ? '–' : <Duration from={attempt.created_at} to={endOf(attempt)} />}
      </span>
    </>
  );
}

/** An attempt that runs goes on; of one that has ended the end may not be known. */
const endOf = ({ status, ended_at }: Attempt) => (status === 'running' ? undefined : ended_at);

function Title({ attempt, isDeleted }: { attempt: Attempt; isDeleted: boolean }) {
  const { id } = attempt;
  const shown = titleOf(attempt, id).slice(0, SHOWN_CHARACTERS);
  const look = attempt.title?.trim() ? '' : 'attempt-row-command';
  return (
    <span role="gridcell" class="attempt-row-title" title={shown}>
      {isDeleted ? (
        <span class={look}>{shown}</span>
      ) : (
        // the grid is one stop for the tabulator key: its rows are reached by the arrows
        <a class={look} href={`/attempts/${id}`} tabIndex={-1}>
          {shown}
        </a>
      )}
    </span>
  );
}

function Text({ name, text, more }: { name: string; text: string; more?: string | null }) {
  const shown = visible(text.slice(0, SHOWN_CHARACTERS));
  return (
    <span
      role="gridcell"
      class={`attempt-row-text attempt-row-${name}`}
      title={more ? `${shown} (${visible(more)})` : shown}
    >
      {shown}
    </span>
  );
}
