/**
 * An execution's log read as a conversation: what the agent said, which tools it used and what came of it. Only items near
 * what is seen are drawn.
 */
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Schemas } from '../../api/client/client.js';
import { usePolling } from '../hive/poll.js';
import { useKeys } from '../shell/keys.js';
import { Button } from '../ui/button.js';
import { EmptyState } from '../ui/empty-state.js';
import { ErrorNotice } from '../ui/error-notice.js';
import { formatCount } from '../ui/format-count.js';
import { PageLoading } from '../ui/page-loading.js';
import { ItemList, type ItemListHandle } from './item-list.js';
import type { LineRange } from './items.js';
import { ReadConversation } from './read-conversation.js';
import './conversation-view.css';

export interface ConversationViewProps {
  attemptId: string;
  execution: Schemas['Execution'];
  /** What is not here of this execution, told at the end. */
  missing: ComponentChildren;
  /** The address of lines of the log. */
  linkTo: (lines: LineRange) => string;
  /** Shows lines of the log. */
  showLines: (lines: LineRange) => void;
  tools: ComponentChildren;
}

/** How long a line that was just printed may take to be seen. */
const LOOK_MS = 1000;

export function ConversationView({ attemptId, execution, missing, linkTo, showLines, tools }: ConversationViewProps) {
  const { id, log_epoch: epoch, stored_lines: storedLines, status } = execution;
  const reading = useMemo(() => new ReadConversation(attemptId, id), [attemptId, id, epoch]);
  useEffect(() => () => reading.close(), [reading]);
  useEffect(() => reading.told(storedLines), [reading, storedLines]);
  const isLive = status === 'running';
  usePolling(() => isLive && reading.look(), LOOK_MS);
  const [isFollowing, setFollowing] = useState(isLive);
  const [list] = useState<{ current: ItemListHandle | null }>({ current: null });
  useKeys('Conversation', [
    { keys: 'j', does: 'next item', run: () => list.current?.move(1) },
    { keys: 'k', does: 'previous item', run: () => list.current?.move(-1) },
    { keys: 'Enter', does: 'open or close the item', run: () => list.current?.toggle() },
    { keys: 'o', does: 'open or close the item', run: () => list.current?.toggle() },
    { keys: 'l', does: 'show the lines of the item', run: () => list.current?.showLines() },
    { keys: 'g g', does: 'go to the beginning', run: () => list.current?.toStart() },
    { keys: 'G', does: 'go to the end', run: () => list.current?.toEnd() },
    { keys: 'f', does: 'follow, or stop following', run: () => setFollowing(!isFollowing) },
  ]);
  const { readTo, isReading, isFull, error } = reading.state.value;
  const { items, agent } = reading;
  const isWhole = !isReading && !isFull && !isLive;
  useEffect(() => {
    if (isWhole) setFollowing(false);
  }, [isWhole]);
  return (
    <section class="conversation" aria-label="Conversation">
      <div class="conversation-bar">
        {tools}
        <span class="conversation-agent" role="status">
          {agent ?? (isReading ? '' : 'No agent’s events were recognised')}
          {isReading && ` Reading: ${formatCount(readTo)} of ${formatCount(storedLines)} lines`}
        </span>
        {isLive && (
          <button
            type="button"
            class="button button-plain"
            aria-pressed={isFollowing}
            title="Follow (f)"
            onClick={() => setFollowing(!isFollowing)}
          >
            Follow
          </button>
        )}
      </div>
      {error && (
        <ErrorNotice
          what="The conversation could not be read further"
          error={error}
          retry={() => reading.told(storedLines)}
        />
      )}
      {items.length === 0 && isReading && <PageLoading what="Reading the conversation" />}
      {items.length === 0 && !isReading && !error && (
        <EmptyState title="Nothing has been printed">
          <p>
            {isLive
              ? 'What the execution prints is shown here as it comes.'
              : 'The hive has no line of this execution.'}
          </p>
        </EmptyState>
      )}
      {items.length > 0 && (
        <ItemList
          handle={list}
          items={items}
          isWhole={isWhole}
          isFollowing={isFollowing}
          setFollowing={setFollowing}
          linkTo={linkTo}
          showLines={showLines}
        />
      )}
      <div class="conversation-end">
        {isFull && (
          <p>
            The first {formatCount(readTo)} of {formatCount(storedLines)} lines have been read.{' '}
            <Button onClick={() => reading.readMore()}>Read on</Button>
          </p>
        )}
        {missing}
      </div>
    </section>
  );
}
